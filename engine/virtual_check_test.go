package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// verdict is what the evidence shows.
type verdict struct {
	faults                         []string // broken promises
	accepted, duplicates, attempts int
	strikes                        []strike
	doubled                        int // deliveries beyond the first
	open                           int // sends that were open at a strike: what doubled may be at most
	states                         map[string]int
	skipped                        int // sends that others waited for too long
	overshoot                      float64
	ended                          time.Duration // when all was done
}

func (v *verdict) String() string {
	var states []string
	for name, n := range v.states {
		states = append(states, fmt.Sprintf("%d %s", n, name))
	}
	slices.Sort(states)
	return fmt.Sprintf("%v of virtual time, %d faults, %d accepted (%s; %d duplicates), %d attempts, %d doubled of %d open, %d passed over by others of their key, over the rate by %.1f",
		v.ended.Round(time.Second), len(v.strikes), v.accepted, strings.Join(states, ", "), v.duplicates, v.attempts, v.doubled, v.open, v.skipped, v.overshoot)
}

func (v *verdict) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// story is what is known of one send.
type story struct {
	id       string
	records  []accepted // that were produced; the engine's forwarding is none
	attempts []attempt
	outcomes []outcome // without repeats of one event
	kind     channelKind
}

// slack is what may lie between two things that the nodes take for one moment:
// a look at the clock, and a record in Kafka.
const slack = 250 * time.Millisecond

// check is pure: it compares what Kafka accepted, what the providers saw, and
// what `status` says.
func check(e *evidence) *verdict {
	v := &verdict{states: map[string]int{}, faults: slices.Clone(e.faults), attempts: len(e.attempts), strikes: e.strikes}
	for _, s := range stories(e) {
		v.settled(s)
		v.times(s)
		v.halts(s, e)
		v.doubles(s, e.strikes)
	}
	v.order(e)
	for _, key := range e.parked {
		v.fault("%s is still in `ledger`, and all was done", key)
	}
	for p, n := range e.unread {
		v.fault("%s: %d records are behind the commit, and all was done", p, n)
	}
	for _, k := range channelKinds {
		if k.rate > 0 {
			v.overshoot = overshoot(e.attempts, k)
		}
	}
	if v.overshoot > mostOver {
		v.fault("%.1f attempts over the rate", v.overshoot)
	}
	v.ended = time.Since(epoch)
	return v
}

func stories(e *evidence) []*story {
	byID := map[string]*story{}
	var all []*story
	of := func(id string) *story {
		s := byID[id]
		if s == nil {
			s = &story{id: id}
			byID[id], all = s, append(all, s)
		}
		return s
	}
	for _, r := range e.records {
		s := of(r.id)
		if !r.forwarded {
			s.records = append(s.records, r)
		}
		for _, k := range channelKinds {
			if k.name == r.channel {
				s.kind = k
			}
		}
	}
	for _, a := range e.attempts {
		s := of(a.id)
		s.attempts = append(s.attempts, a)
	}
	events := map[string]bool{}
	for _, o := range e.outcomes {
		if s := of(o.id); !events[o.event] {
			events[o.event] = true
			s.outcomes = append(s.outcomes, o)
		}
	}
	return all
}

// settled: every record has one outcome, all but one of an id's are duplicates,
// and the one says what happened.
func (v *verdict) settled(s *story) {
	v.accepted += len(s.records)
	if len(s.records) == 0 {
		v.fault("%s was never produced", s)
	}
	count := map[any]int{}
	first := 0
	for _, o := range s.outcomes {
		count[o.source]++
		if o.state == "duplicate" {
			v.duplicates++
			continue
		}
		v.states[o.state]++
		first++
		v.truth(s, o)
	}
	for _, r := range s.records {
		if n := count[r.place]; n != 1 {
			v.fault("%s: the record %v has %d outcomes", s, r.place, n)
		}
	}
	if first != 1 {
		v.fault("%s has %d outcomes that are no duplicates", s, first)
	}
}

// truth compares an outcome with what its provider knows.
func (v *verdict) truth(s *story, o outcome) {
	switch o.state {
	case "sent":
		if !slices.ContainsFunc(s.attempts, func(a attempt) bool { return a.answered && a.verdict == channelv1.Verdict_VERDICT_ACCEPTED }) {
			v.fault("%s: sent by its outcome, and no provider accepted it", s)
		}
	case "unknown":
	default:
		if s.delivered() > 0 {
			v.fault("%s: %s by its outcome, and it was delivered", s, o.state)
		}
	}
}

func (s *story) delivered() (n int) {
	for _, a := range s.attempts {
		if a.delivered {
			n++
		}
	}
	return n
}

// times: nothing is attempted before its time, or after its expiry.
func (v *verdict) times(s *story) {
	if len(s.records) == 0 {
		return
	}
	r := s.records[0]
	for _, a := range s.attempts {
		if a.at.Before(r.sendAt) {
			v.fault("%s: attempted before %v", s, since(r.sendAt))
		}
		if !r.expires.IsZero() && a.at.After(r.expires.Add(transit+slack)) {
			v.fault("%s: attempted after %v", s, since(r.expires))
		}
	}
}

// doubles: none where the provider knows the key, or the channel holds; else
// none but those that were open at a strike, or whose answer was lost.
func (v *verdict) doubles(s *story, strikes []strike) {
	keys := map[string]bool{}
	for _, a := range s.attempts {
		keys[a.key] = true
	}
	if len(keys) > 1 {
		v.fault("%s: %d keys for one send", s, len(keys))
	}
	excused := slices.ContainsFunc(s.attempts, func(a attempt) bool { return s.excuse(a, strikes) })
	if excused {
		v.open++
	}
	n := s.delivered()
	if n < 2 {
		return
	}
	v.doubled += n - 1
	switch {
	case s.kind.keyed:
		v.fault("%s: delivered %d times, and the provider knows keys", s, n)
	case s.kind.hold:
		v.fault("%s: delivered %d times, and the channel holds", s, n)
	case !excused:
		v.fault("%s: delivered %d times without a reason", s, n)
	}
}

// excuse says whether an attempt may be followed by another one, though it was
// delivered: its answer was lost, or its process was struck while it was open.
func (s *story) excuse(a attempt, strikes []strike) bool {
	if !a.answered || a.verdict == channelv1.Verdict_VERDICT_UNKNOWN {
		return true
	}
	return slices.ContainsFunc(strikes, func(f strike) bool {
		return f.leavesOpen(a.process) && !a.at.After(f.to.Add(transit)) && !s.settledBefore(f.from.Add(-slack))
	})
}

// settledBefore says whether Kafka had the outcome at that time; that another
// record of the id is a duplicate is none.
func (s *story) settledBefore(t time.Time) bool {
	return slices.ContainsFunc(s.outcomes, func(o outcome) bool { return o.state != "duplicate" && !o.at.After(t) })
}

// leavesOpen says whether a strike leaves a process not knowing, or not able to
// say, what became of its attempts.
func (f strike) leavesOpen(process string) bool {
	switch f.kind {
	case killed, crashed, wiped, zombie, cutOff, reset, pluginDown:
		return f.process == process
	case brokerDown: // long enough for the group's coordinator to think that its members are gone
		return f.to.Sub(f.from) > session-2*time.Second
	default:
		return false
	}
}

func (f strike) String() string {
	return fmt.Sprintf("%v to %v: %s %s", since(f.from), since(f.to), f.kind, f.process)
}

func (s *story) String() string {
	text := s.id + " (" + s.kind.name
	for _, a := range s.attempts {
		text += fmt.Sprintf("; %v", a)
	}
	for _, o := range s.outcomes {
		text += fmt.Sprintf("; %v %s %s", since(o.at), o.state, o.reason)
	}
	return text + ")"
}

// mostOver is how many attempts more than rate·t + burst there may be in any
// time t: one burst for each time that a limit is shared out anew.
const mostOver = 15

// overshoot returns by how many attempts the worst of all windows exceeds
// rate·length + burst.
func overshoot(attempts []attempt, k channelKind) float64 {
	worst, least, i := 0.0, 0.0, 0
	var first time.Time
	for _, a := range attempts {
		if a.channel != k.name {
			continue
		}
		if i == 0 {
			first = a.at
		}
		level := float64(i) - float64(k.rate)*a.at.Sub(first).Seconds()
		least = min(least, level)
		worst = max(worst, level+1-least-float64(k.burst))
		i++
	}
	return worst
}
