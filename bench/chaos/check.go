package chaos

import (
	"fmt"
	"slices"
	"time"
)

// attempt is a line of a provider's ledger.
type attempt struct {
	id   string
	node string
	key  string
	sent bool // the recipient got it
	at   time.Time
}

// evidence is all that the verdict is made of.
type evidence struct {
	run      string // begins every id
	sends    []published
	attempts []attempt // by time
	outcomes []outcome // as they were seen
	faults   []Fault
	rate     float64 // of the provider, 0 where it has none
	burst    float64
}

// verdict is what the evidence shows.
type verdict struct {
	accepted, unacknowledged int
	states                   map[string]int
	lost                     []string // ids, why
	unknown                  int      // outcomes and attempts of ids that nobody published
	manyOutcomes             []string
	repeats                  int // the same event again: no harm, but counted
	duplicates               int // outcomes of a second record of an id

	doubled, doubledIdempotent int
	unexplained                []string
	late                       []string // doubled, one of them by a zombie after it woke
	open                       []int    // by fault: sends that were open at it
	hit                        []int    // by fault: those of them that were doubled
	recovery                   []time.Duration
	overshoot                  window
	silence                    window // the longest without any outcome
}

// story is what is known of one send.
type story struct {
	sent    []attempt
	keys    map[string]bool
	settled time.Time // first seen
	states  []string
	events  map[string]bool
}

// check is pure. Its cost is that of sorting the attempts.
func check(e evidence) *verdict {
	v := &verdict{states: map[string]int{}, open: make([]int, len(e.faults)), hit: make([]int, len(e.faults))}
	slices.SortStableFunc(e.attempts, func(a, b attempt) int { return a.at.Compare(b.at) })
	stories := v.gather(e)
	for n, s := range e.sends {
		v.account(e, fmt.Sprintf("%s%d", e.run, n), s, stories[n])
	}
	for _, f := range e.faults {
		v.recovery = append(v.recovery, recovery(f, e.outcomes))
	}
	for i := 1; i < len(e.outcomes); i++ {
		before, after := e.outcomes[i-1].seen, e.outcomes[i].seen
		if after.Sub(before) > v.silence.to.Sub(v.silence.from) {
			v.silence = window{from: before, to: after}
		}
	}
	if e.rate > 0 {
		v.overshoot = overshoot(e.unfrozen(), e.rate, e.burst)
	}
	return v
}

// unfrozen returns the attempts without those that a plugin which was frozen
// got at when it ran again: the engine had made them one by one.
func (e evidence) unfrozen() []attempt {
	return slices.DeleteFunc(slices.Clone(e.attempts), func(a attempt) bool {
		return slices.ContainsFunc(e.faults, func(f Fault) bool {
			return f.Kind == PluginStop && f.Node == a.node && a.at.After(f.End.Add(-pipes)) && a.at.Before(f.End)
		})
	})
}

// gather puts the evidence in order by send.
func (v *verdict) gather(e evidence) []*story {
	stories := make([]*story, len(e.sends))
	of := func(id string) *story {
		n, ok := numberOf(e.run, id)
		if !ok || n >= len(stories) {
			v.unknown++
			return nil
		}
		if stories[n] == nil {
			stories[n] = &story{keys: map[string]bool{}, events: map[string]bool{}}
		}
		return stories[n]
	}
	for _, a := range e.attempts {
		if s := of(a.id); s != nil && a.sent {
			s.sent = append(s.sent, a)
			s.keys[a.key] = true
		}
	}
	for _, o := range e.outcomes {
		s := of(o.id)
		switch {
		case s == nil:
		case o.state == "duplicate":
			v.duplicates++
		case s.events[o.event]:
			v.repeats++
		default:
			s.events[o.event] = true
			s.states = append(s.states, o.state)
			if s.settled.IsZero() {
				s.settled = o.seen
			}
		}
	}
	return stories
}

// account judges one send.
func (v *verdict) account(e evidence, id string, p published, s *story) {
	if !p.accepted {
		v.unacknowledged++
	} else {
		v.accepted++
	}
	if s == nil {
		s = &story{}
	}
	switch {
	case len(s.states) == 0 && p.accepted:
		v.lost = append(v.lost, id+": no outcome")
	case slices.Contains(s.states, "sent") && len(s.sent) == 0:
		v.lost = append(v.lost, id+": sent by its outcome, and the provider never saw it")
	case len(s.states) > 1:
		v.manyOutcomes = append(v.manyOutcomes, fmt.Sprintf("%s: %v", id, s.states))
	}
	for _, state := range s.states {
		v.states[state]++
	}
	v.blame(e.faults, id, s)
}

// blame counts a send at every fault that it was open at, and says which of
// its doubles none of them explains.
func (v *verdict) blame(faults []Fault, id string, s *story) {
	excused := false
	for i, f := range faults {
		if f.leftOpen(s) {
			v.open[i]++
			excused = true
			if len(s.sent) > 1 {
				v.hit[i]++
			}
		}
	}
	if len(s.sent) < 2 {
		return
	}
	v.doubled += len(s.sent) - 1
	v.doubledIdempotent += len(s.keys) - 1
	late := slices.ContainsFunc(s.sent, func(a attempt) bool {
		return slices.ContainsFunc(faults, func(f Fault) bool { return f.woke(a) })
	})
	for range s.sent[1:] {
		switch {
		case late:
			v.late = append(v.late, s.tell(id))
		case !excused:
			v.unexplained = append(v.unexplained, s.tell(id))
		}
	}
}

// leftOpen says whether a send had reached the provider from where the fault
// struck, and had no acknowledged outcome yet. A clean restart leaves nothing
// open.
func (f Fault) leftOpen(s *story) bool {
	if f.Kind == Restart && f.Clean || !s.settled.IsZero() && !s.settled.After(f.Begin) {
		return false
	}
	return slices.ContainsFunc(s.sent, func(a attempt) bool {
		return (f.Node == "" || a.node == f.Node) && a.at.After(f.since) && !a.at.After(f.End)
	})
}

// woke says whether an attempt is a zombie's, after it ran again.
func (f Fault) woke(a attempt) bool {
	const knows = 5 * time.Second // by then it has heard of its session's end
	return f.Kind == Zombie && a.node == f.Node && a.at.After(f.Woken) && a.at.Before(f.Woken.Add(knows))
}

func (s *story) tell(id string) string {
	text := id
	for _, a := range s.sent {
		text += fmt.Sprintf(", %s at %s", a.node, a.at.UTC().Format("15:04:05.000"))
	}
	if s.settled.IsZero() {
		return text + ", no outcome"
	}
	return text + ", settled at " + s.settled.UTC().Format("15:04:05.000")
}

// recovery returns how long after the fault's begin the last shard had an
// outcome for a record that was accepted after it; 0 where one never had.
func recovery(f Fault, outcomes []outcome) time.Duration {
	first := map[int32]time.Time{}
	shards := map[int32]bool{}
	for _, o := range outcomes {
		shards[o.shard] = true
		if o.taken.Before(f.Begin) {
			continue
		}
		if at, ok := first[o.shard]; !ok || o.seen.Before(at) {
			first[o.shard] = o.seen
		}
	}
	if len(first) < len(shards) {
		return 0
	}
	last := f.Begin
	for _, at := range first {
		last = slices.MaxFunc([]time.Time{last, at}, time.Time.Compare)
	}
	return last.Sub(f.Begin)
}

// window is a stretch of time, and by how many attempts it has too many.
type window struct {
	over     float64
	from, to time.Time
}

// overshoot returns the window, of any length, that exceeds rate·length + burst
// by the most; attempts are by time.
func overshoot(attempts []attempt, rate, burst float64) window {
	var worst window
	least, from := 0.0, 0
	for i, a := range attempts {
		// Attempts i to j take t seconds: j-i+1 - rate·t is the difference of
		// a function of j and one of i.
		level := float64(i) - rate*a.at.Sub(attempts[0].at).Seconds()
		if level < least {
			least, from = level, i
		}
		if over := level + 1 - least - burst; over > worst.over {
			worst = window{over, attempts[from].at, a.at}
		}
	}
	return worst
}

// bound returns how many sends may have been doubled: those open at a fault. A
// node that was frozen starts nothing when it wakes.
func (v *verdict) bound(faults []Fault) int {
	total := 0
	for i := range faults {
		total += v.open[i]
	}
	return total
}

// inOrder returns the faults by their begin, and tells each since when the
// process ran that it struck.
func inOrder(faults []Fault) []Fault {
	slices.SortFunc(faults, func(a, b Fault) int { return a.Begin.Compare(b.Begin) })
	started := map[string]time.Time{}
	for i := range faults {
		f := &faults[i]
		f.since = started[f.Node]
		if f.Kind == Kill || f.Kind == Disk || f.Kind == Restart {
			started[f.Node] = f.End
		}
	}
	return faults
}
