package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// finding is what one check of the flow has found.
type finding struct {
	check   string
	judged  int      // sends, attempts or windows that were looked at
	excused int      // of them, what a fault may have done
	wrong   []string // and what nothing excuses
}

// examination is the check of what decides when and by which way sends go.
type examination struct {
	evidence
	stories []*story
	all     []finding
}

// Published bounds: what is decided is gone by so long after Kafka has it, and a
// limit may be exceeded by so many (docs/guarantees.md).
const propagation = time.Second

// blur is what a deadline, which is in milliseconds, hides of when an attempt began.
const blur = 2 * time.Millisecond

// examine is pure. e.attempts are in order.
func examine(e evidence, stories []*story) []finding {
	x := &examination{evidence: e, stories: stories}
	for _, each := range []struct {
		check string
		look  func(*finding)
	}{
		{"ends", x.ends}, {"expiry", x.expiry}, {"quiet hours", x.quiet},
		{cancel, x.deedsOf(cancel)}, {pause, x.deedsOf(pause)}, {suppressed, x.deedsOf(suppressed)},
		{"caps", x.caps}, {"pairs", x.pairs}, {"limits", x.limits}, {"fallback", x.fallback},
		{"collapse", x.collapse}, {"breaker", x.breaker},
	} {
		f := finding{check: each.check}
		each.look(&f)
		slices.Sort(f.wrong)
		x.all = append(x.all, f)
	}
	return x.all
}

func (x *examination) id(n int) string { return fmt.Sprintf("%s%d", x.run, n) }

// tell says which attempt is meant.
func (x *examination) tell(n int, a attempt) string {
	const clock = "15:04:05.000"
	return fmt.Sprintf("%s of %s to %s by %s, begun by %s at %s", x.id(n), x.sends[n].app, x.sends[n].to, a.channel, a.node, a.began.UTC().Format(clock))
}

// of calls look with the attempts at sends of some apps; with none, at all sends.
func (x *examination) of(look func(n int, s published, t *story), apps ...string) {
	for n, s := range x.sends {
		if len(apps) == 0 || slices.Contains(apps, s.app) {
			look(n, s, x.stories[n])
		}
	}
}

// state is how a send has ended, "" where it has not.
func (s *story) state() string {
	if len(s.states) == 0 {
		return ""
	}
	return s.states[0]
}

// ends: what ended without having been sent, by its outcome, was not sent; and
// nothing ended but for a reason that the run gave it.
func (x *examination) ends(f *finding) {
	x.of(func(n int, s published, t *story) {
		f.judged++
		state := t.state()
		switch own, ok := endsOf(s.app); {
		case state == "" || state == "sent" || state == "unknown":
		case len(t.sent) > 0:
			f.wrong = append(f.wrong, fmt.Sprintf("sent, and %s by its outcome: %s", state, x.tell(n, t.sent[0])))
		case ok && !slices.Contains(own, state):
			f.wrong = append(f.wrong, fmt.Sprintf("%s of %s has no reason to end %s", x.id(n), s.app, state))
		}
	})
}

// expiry: no attempt begins past it.
func (x *examination) expiry(f *finding) {
	x.of(func(n int, s published, t *story) {
		if s.expires.IsZero() {
			return
		}
		for _, a := range t.attempts {
			if f.judged++; a.began.After(s.expires.Add(blur)) {
				f.wrong = append(f.wrong, fmt.Sprintf("expired at %s: %s", s.expires.UTC().Format(time.TimeOnly), x.tell(n, a)))
			}
		}
	})
}

// quiet: no attempt begins while it is quiet on the recipient's clock.
func (x *examination) quiet(f *finding) {
	quiet := func(from time.Time) func(n int, s published, t *story) {
		return func(n int, s published, t *story) {
			for _, a := range t.attempts {
				if f.judged++; within(localMinute(a.began, s.zone), minuteOf(from), minuteOf(from.Add(dayPart))) {
					f.wrong = append(f.wrong, fmt.Sprintf("in quiet hours (zone %q): %s", s.zone, x.tell(n, a)))
				}
			}
		}
	}
	x.of(quiet(x.flow.dusk.Add(-dayPart)), nightApp)
	x.of(quiet(x.flow.dusk), darkApp)
}

func minuteOf(t time.Time) int { return t.UTC().Hour()*60 + t.UTC().Minute() }

func localMinute(t time.Time, zone string) int {
	z, err := time.LoadLocation(zone)
	if err != nil {
		return -1 // and so never quiet: the engine has refused it
	}
	t = t.In(z)
	return t.Hour()*60 + t.Minute()
}

// within says whether a minute of the day is in a part of it, which may go past
// midnight.
func within(m, from, to int) bool {
	if from <= to {
		return from <= m && m < to
	}
	return from <= m || m >= 0 && m < to
}

// deedsOf: no attempt begins that an operator's deed is about, later than the
// published bound after Kafka had it.
func (x *examination) deedsOf(what string) func(*finding) {
	return func(f *finding) {
		for _, d := range x.deeds {
			if d.what != what {
				continue
			}
			x.of(func(n int, s published, t *story) {
				if d.concerns(s, d.channel) && (t.ended.seen.IsZero() || t.ended.seen.After(d.from)) && (d.until.IsZero() || s.stamp.Before(d.until)) {
					f.judged++
				}
				for _, a := range t.attempts {
					switch {
					case !d.concerns(s, a.channel):
					case !a.began.After(d.from.Add(propagation)) || !d.until.IsZero() && !a.began.Before(d.until):
					case x.unreachable(a.node, a.began):
						f.excused++
					default:
						f.wrong = append(f.wrong, fmt.Sprintf("%s since %s: %s", what, d.from.UTC().Format("15:04:05.000"), x.tell(n, a)))
					}
				}
			}, d.app)
		}
	}
}

// unreachable says whether the broker was away for a node, or had only just come
// back.
func (x *examination) unreachable(node string, at time.Time) bool {
	return slices.ContainsFunc(x.faults, func(f Fault) bool {
		end := f.End
		switch {
		case f.Kind.silences() && f.Node == node:
			end = latest(f.End, f.Again)
		case f.Kind != Broker:
			return false
		}
		return at.After(f.Begin) && at.Before(end.Add(propagation))
	})
}

// inDoubt says whether an attempt may be one that its owner takes for a second
// one: an earlier one of the send was left open, or another owner has left the
// send, and the new one can't know whether that had begun it.
func (x *examination) inDoubt(n int, a attempt) bool {
	s, t := x.sends[n], x.stories[n]
	seen := uint32(1) // of its attempts, with this one
	for _, before := range t.attempts {
		if !before.at.Before(a.at) {
			continue
		}
		if seen++; before.lost || before.overdue() || x.leftOpen(t, before) {
			return true
		}
	}
	if seen < a.number { // one never came to the provider, and its answer was lost
		return true
	}
	return slices.ContainsFunc(x.takeovers, func(o takeover) bool {
		return o.shard == s.place.partition && s.stamp.Before(o.at) && a.at.After(o.at) && a.at.Before(o.at.Add(inherited))
	})
}

func (x *examination) leftOpen(t *story, a attempt) bool {
	return slices.ContainsFunc(x.faults, func(f Fault) bool { return f.leavesOpen(t, a) })
}

// takeover is when a node found that a shard's last owner may have had attempts
// under way: all that one had reserved and not finished is in doubt. It is the
// nodes' word, for nobody else sees who owns a shard; what is excused for it is
// counted, and is to be few.
type takeover struct {
	shard int32
	at    time.Time
}

// inherited is within what time what was in doubt has been taken up: the channel's
// deadline, and the way through a lane that all of it goes into at once.
const inherited = 10 * time.Second

// byTime puts attempts in order by when they came to the provider.
func byTime(a, b numbered) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.n, b.n)) }

// numbered is an attempt with its send's number.
type numbered struct {
	attempt
	n int
}
