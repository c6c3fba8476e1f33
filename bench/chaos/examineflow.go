package chaos

import (
	"fmt"
	"slices"
	"time"
)

// caps: no recipient gets more of a capped class than the cap says, by all
// channels together. What may have gone is not stopped, and others may go in its
// place: it is left out.
func (x *examination) caps(f *finding) {
	type counter struct{ app, to string }
	gone := map[counter][]numbered{}
	x.of(func(n int, s published, t *story) {
		if len(t.sent) == 0 {
			return
		}
		f.judged++
		if len(t.sent) > 1 || t.sent[0].lost || t.state() != "sent" || x.leftOpen(t, t.sent[0]) || x.inDoubt(n, t.sent[0]) {
			f.excused++
			return
		}
		c := counter{s.app, s.to}
		gone[c] = append(gone[c], numbered{t.sent[0], n})
	}, cappedApp, droppedApp)
	for c, all := range gone {
		slices.SortFunc(all, byTime)
		for i, a := range all {
			if i >= capMost && a.began.Before(all[i-capMost].at.Add(capPer-blur)) {
				f.wrong = append(f.wrong, fmt.Sprintf("past a cap of %d in %v: %s", capMost, capPer, x.tell(a.n, a.attempt)))
			}
			if i >= 1 && c.app == droppedApp && a.began.Before(all[i-1].at.Add(capApart-blur)) {
				f.wrong = append(f.wrong, fmt.Sprintf("sooner than %v: %s", capApart, x.tell(a.n, a.attempt)))
			}
		}
	}
}

// pairs: attempts to one recipient from one account follow each other no faster
// than its limit. A new owner may make one at once.
func (x *examination) pairs(f *finding) {
	last := map[string]attempt{}
	for _, a := range x.attempts {
		n, ok := numberOf(x.run, a.id)
		if a.channel != pacedChannel || !ok || n >= len(x.sends) {
			continue
		}
		to := x.sends[n].to
		before, ok := last[to]
		if last[to] = a; !ok {
			continue
		}
		f.judged++
		switch {
		case !a.began.Before(before.at.Add(pairEvery - blur)):
		case x.handedOver(before, a):
			f.excused++
		default:
			f.wrong = append(f.wrong, fmt.Sprintf("%v after the one before: %s", a.began.Sub(before.at), x.tell(n, a)))
		}
	}
}

// handedOver says whether a shard may have had another owner between two attempts:
// any fault has nodes join and leave.
func (x *examination) handedOver(before, after attempt) bool {
	return before.node != after.node || slices.ContainsFunc(x.faults, func(f Fault) bool {
		return f.Kind != PluginKill && f.Kind != PluginStop && before.at.Before(latest(f.End, f.Again).Add(inherited)) && after.at.After(f.Begin)
	})
}

// limits: rates of accounts, apps and campaigns hold in any window, hand-overs
// included, but for the published few.
func (x *examination) limits(f *finding) {
	type limited struct {
		name string
		rate int
	}
	begun := map[limited][]time.Time{}
	for _, a := range x.attempts {
		n, ok := numberOf(x.run, a.id)
		if !ok || n >= len(x.sends) {
			continue
		}
		add := func(name string, rate int) {
			l := limited{name, rate}
			begun[l] = append(begun[l], a.began)
		}
		s := x.sends[n]
		switch {
		case a.channel == firstChannel:
			add("account "+a.channel, x.flow.FirstRate())
		case a.channel == mainChannel && s.app == limitedApp:
			add("app "+s.app, x.flow.AppRate())
		}
		if a.channel == mainChannel && s.campaign != "" {
			add("campaign "+s.campaign, x.flow.CampaignRate())
		}
	}
	for l, all := range begun {
		slices.SortFunc(all, time.Time.Compare)
		f.judged += len(all)
		burst := burstOf(l.rate)
		if w := overshoot(all, float64(l.rate), burst); w.over > tolerated(burst) {
			f.wrong = append(f.wrong, fmt.Sprintf("%s of %d/s: %.0f attempts above it from %s on, in %v",
				l.name, l.rate, w.over, w.from.UTC().Format("15:04:05.000"), w.to.Sub(w.from)))
		}
	}
}

// fallback: one channel at most sends a send, a lost answer included. A new owner
// can't know by which channel a send went that was in doubt if one of them was
// suppressed then, or is only now.
func (x *examination) fallback(f *finding) {
	x.of(func(n int, s published, t *story) {
		f.judged++
		for _, a := range t.sent {
			switch {
			case a.channel == t.sent[0].channel:
			case x.inDoubt(n, a) && x.rerouted(s, a):
				f.excused++
				return
			default:
				f.wrong = append(f.wrong, fmt.Sprintf("sent by %s as well: %s", t.sent[0].channel, x.tell(n, a)))
				return
			}
		}
	}, twowayApp)
}

// rerouted says whether one of a send's channels was suppressed for its recipient,
// or no longer, between its record and an attempt.
func (x *examination) rerouted(s published, a attempt) bool {
	between := func(t time.Time) bool { return t.After(s.stamp) && t.Before(a.began) }
	return slices.ContainsFunc(x.deeds, func(d deed) bool {
		return d.what == suppressed && d.app == s.app && d.to == s.to && (between(d.from) || between(d.until))
	})
}

// collapse: nothing is attempted once it is superseded, nor once a newer one has
// been attempted.
func (x *examination) collapse(f *finding) {
	type line struct {
		to, topic string
		partition int32
	}
	lines := map[line][]int{}
	x.of(func(n int, s published, t *story) {
		if !s.accepted {
			return
		}
		l := line{s.to, s.place.topic, s.place.partition}
		lines[l] = append(lines[l], n)
		for _, a := range t.attempts {
			if f.judged++; t.state() == "superseded" && a.began.After(t.ended.written.Add(blur)) {
				f.wrong = append(f.wrong, "superseded before: "+x.tell(n, a))
			}
		}
	}, latestApp)
	for _, numbers := range lines {
		slices.SortFunc(numbers, func(a, b int) int { return int(x.sends[b].place.offset - x.sends[a].place.offset) })
		newer := time.Time{} // when the first attempt at any newer one was made
		for _, n := range numbers {
			all := x.stories[n].attempts
			for _, a := range all {
				switch {
				case newer.IsZero() || !a.began.After(newer):
				case x.inDoubt(n, a):
					f.excused++
				default:
					f.wrong = append(f.wrong, "a newer one had gone: "+x.tell(n, a))
				}
			}
			if len(all) > 0 && (newer.IsZero() || all[0].at.Before(newer)) {
				newer = all[0].at
			}
		}
	}
}

// A breaker that has opened lets one attempt through now and then: its pause is
// 500 ms at least. It opens at five refusals; what is at the plugin by then comes
// as well.
const (
	opened    = time.Second
	perSecond = 3
)

// breaker: a node leaves an account alone that refuses it.
func (x *examination) breaker(f *finding) {
	for _, d := range x.deeds {
		if d.what != lock || d.until.IsZero() {
			continue
		}
		refused := map[string][]time.Time{}
		for _, a := range x.attempts {
			if a.refused && a.at.After(d.from) && a.at.Before(d.until) {
				refused[a.node] = append(refused[a.node], a.at)
			}
		}
		for node, all := range refused {
			f.judged++
			from := all[0].Add(opened)
			late := len(slices.DeleteFunc(slices.Clone(all), func(t time.Time) bool { return t.Before(from) }))
			switch {
			case float64(late) <= 2+perSecond*max(0, d.until.Sub(from).Seconds()):
			case x.struck(node, d.from, d.until):
				f.excused++
			default:
				f.wrong = append(f.wrong, fmt.Sprintf("%s made %d attempts from %s on at an account that refused it",
					node, late, from.UTC().Format("15:04:05.000")))
			}
		}
	}
}

// struck says whether a node, or the plugin that counts for it, began anew.
func (x *examination) struck(node string, from, to time.Time) bool {
	return slices.ContainsFunc(x.faults, func(f Fault) bool {
		return f.Node == node && f.Begin.Before(to) && latest(f.End, f.Again).After(from)
	})
}
