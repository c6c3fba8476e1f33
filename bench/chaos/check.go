package chaos

import (
	"fmt"
	"slices"
	"time"
)

// attempt is a line of a provider's ledger.
type attempt struct {
	id       string
	node     string
	channel  string
	key      string
	number   uint32 // of the send's attempts, from 1
	sent     bool   // the recipient got it
	lost     bool   // and the provider gave no answer
	refused  bool   // for the account's credentials
	at       time.Time
	began    time.Time // by the engine: a plugin that stands still comes to it later
	deadline time.Time // an answer counted until then
}

// evidence is all that the verdict is made of.
type evidence struct {
	run       string // begins every id
	sends     []published
	repeats   []repetition
	attempts  []attempt // by time
	outcomes  []outcome // as they were seen
	faults    []Fault
	rate      float64 // of the provider, 0 where it has none
	burst     float64
	flow      *flow // nil where there was none
	deeds     []deed
	takeovers []takeover
}

// verdict is what the evidence shows. What is counted by fault is in the faults'
// order.
type verdict struct {
	accepted, unacknowledged int
	states                   map[string]int
	lost                     []string // ids, why
	unknown                  int      // outcomes and attempts of ids that nobody published
	manyOutcomes             []string
	repeats                  int // the same event again: no harm, but counted
	duplicates               int // outcomes of a second record of an id

	doubled, doubledIdempotent int
	bound                      int      // attempts that were open at a fault, or overdue
	overdue                    int      // attempts that were so at no fault
	unexplained                []string // repeats of an attempt that was open at none
	zombies                    []string // repeats by, or of, an attempt that must not have begun
	open                       []int    // by fault: attempts that were open at it
	hit                        []int    // by fault: those of them that were repeated
	late                       []int    // by fault: attempts that a silenced node made after its session
	begun                      []int    // by fault: those of them that it began after it

	ordered    int      // sends with an ordering key that were attempted
	unseen     int      // of which the first attempt never came to the provider
	disordered []string // ordered sends that overtook another
	recognised int      // repetitions that ended as duplicates
	resent     []string // repetitions that were sent

	recovery  []time.Duration // by fault
	overshoot window          // by when the engine began its attempts
	arrivals  window          // by when they came to the provider
	silence   window          // the longest without any outcome

	flow []finding
}

// story is what is known of one send.
type story struct {
	attempts []attempt
	sent     []attempt // those of them that the recipient got
	keys     map[string]bool
	ended    outcome // the first one; zero where there is none
	states   []string
	events   map[string]bool
	sources  map[place]bool // of its duplicates
}

// check is pure. Its cost is that of sorting the attempts.
func check(e evidence) *verdict {
	v := &verdict{
		states: map[string]int{}, open: make([]int, len(e.faults)), hit: make([]int, len(e.faults)),
		late: make([]int, len(e.faults)), begun: make([]int, len(e.faults)),
	}
	slices.SortStableFunc(e.attempts, func(a, b attempt) int { return a.at.Compare(b.at) })
	stories := v.gather(e)
	for n, s := range e.sends {
		v.account(e, fmt.Sprintf("%s%d", e.run, n), s, stories[n])
	}
	v.order(e, stories)
	for _, r := range e.repeats {
		v.repeated(fmt.Sprintf("%s%d", e.run, r.number), r, stories[r.number])
	}
	for i, f := range e.faults {
		v.recovery = append(v.recovery, recovery(f, e.outcomes))
		for _, a := range e.attempts {
			if f.fences(a) {
				v.late[i]++
				if a.began.After(f.Fenced) {
					v.begun[i]++
				}
			}
		}
	}
	v.silence = silence(e.outcomes)
	if e.rate > 0 {
		v.overshoot, v.arrivals = overshoot(e.begun(), e.rate, e.burst), overshoot(e.unfrozen(), e.rate, e.burst)
	}
	if e.flow != nil {
		v.flow = examine(e, stories)
	}
	return v
}

// gather puts the evidence in order by send.
func (v *verdict) gather(e evidence) []*story {
	stories := make([]*story, len(e.sends))
	for i := range stories {
		stories[i] = &story{keys: map[string]bool{}, events: map[string]bool{}, sources: map[place]bool{}}
	}
	of := func(id string) *story {
		n, ok := numberOf(e.run, id)
		if !ok || n >= len(stories) {
			v.unknown++
			return nil
		}
		return stories[n]
	}
	for _, a := range e.attempts {
		if s := of(a.id); s != nil {
			s.attempts = append(s.attempts, a)
			if a.sent {
				s.sent = append(s.sent, a)
				s.keys[a.key] = true
			}
		}
	}
	for _, o := range e.outcomes {
		s := of(o.id)
		switch {
		case s == nil:
		case o.state == duplicate:
			v.duplicates++
			s.sources[o.source] = true
		case s.events[o.event]:
			v.repeats++
		default:
			s.events[o.event] = true
			s.states = append(s.states, o.state)
			if s.ended.seen.IsZero() {
				s.ended = o
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

// repeated judges a send that had ended and was published again: its second
// record must end as a duplicate, and not go out.
func (v *verdict) repeated(id string, r repetition, s *story) {
	if s.sources[r.place] {
		v.recognised++
	}
	if slices.ContainsFunc(s.attempts, func(a attempt) bool { return a.at.After(r.at) }) {
		v.resent = append(v.resent, "published again after it had ended, and sent: "+s.tell(id))
	}
}

// tell tells the story of a send that got to its recipient.
func (s *story) tell(id string) string {
	const clock = "15:04:05.000"
	text := id
	for _, a := range s.sent {
		text += fmt.Sprintf(", %s at %s", a.node, a.at.UTC().Format(clock))
	}
	if s.ended.seen.IsZero() {
		return text + ", no outcome"
	}
	return text + fmt.Sprintf(", %s at %s", s.ended.state, s.ended.seen.UTC().Format(clock))
}
