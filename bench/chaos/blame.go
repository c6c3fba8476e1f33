package chaos

import (
	"slices"
	"time"
)

// blame counts the attempts of a send at each fault that left them open, and
// finds one of those for each time that it was sent again: an attempt in doubt
// may be repeated once. What is left was doubled for no such reason.
func (v *verdict) blame(faults []Fault, id string, s *story) {
	repeated := s.repeated(faults)
	for i, a := range s.sent {
		open := false
		for n, f := range faults {
			if !f.leavesOpen(s, a) {
				continue
			}
			open = true
			v.open[n]++
			if slices.ContainsFunc(s.sent[i+1:], func(b attempt) bool { return b.at.After(f.Begin) }) {
				v.hit[n]++
			}
		}
		if a.overdue() && !open {
			open = true
			v.overdue++
		}
		open = open || a.lost
		if open {
			v.bound++
		}
	}
	if len(s.sent) < 2 {
		return
	}
	v.doubled += len(s.sent) - 1
	v.doubledIdempotent += len(s.keys) - 1
	fenced := slices.ContainsFunc(s.sent, func(a attempt) bool {
		return slices.ContainsFunc(faults, func(f Fault) bool { return f.fences(a) })
	})
	for range len(s.sent) - 1 - repeated {
		if fenced {
			v.zombies = append(v.zombies, "a silenced node's: "+s.tell(id))
		} else {
			v.unexplained = append(v.unexplained, "open at no fault: "+s.tell(id))
		}
	}
}

// overdue says whether an attempt came to the provider too late to be answered by
// its deadline: the machine had no time for a node, and what the engine heard
// is anybody's guess. No fault of the plan did that.
func (a attempt) overdue() bool {
	return !a.deadline.IsZero() && a.at.Add(answers).After(a.deadline)
}

// repeated returns how many of a send's attempts but the first repeat one that
// was left open before, by a fault or by a busy machine.
func (s *story) repeated(faults []Fault) int {
	used, n := make([]bool, len(s.sent)), 0
	for i, b := range s.sent {
		for j, a := range s.sent[:i] {
			open := slices.ContainsFunc(faults, func(f Fault) bool { return f.leavesOpen(s, a) && b.at.After(f.Begin) })
			if !used[j] && (open || a.lost || a.overdue() && b.began.After(a.deadline)) {
				used[j] = true
				n++
				break
			}
		}
	}
	return n
}

// An attempt is answered after 80 ms at most, as long as its plugin runs: after
// answers on a busy machine too, and after answered the engine has it for sure.
const (
	answers  = 500 * time.Millisecond
	answered = time.Second
)

// leavesOpen says whether a fault left an attempt in doubt: it had been
// made where the fault struck, and came to the provider at some time, and the broker had no outcome of its
// send yet. A clean restart leaves nothing open.
func (f Fault) leavesOpen(s *story, a attempt) bool {
	if f.clean() || f.Node != "" && f.Node != a.node || !a.at.After(f.since) || a.began.After(f.until()) {
		return false
	}
	// A broker that is killed may not have acknowledged what it has.
	if !s.ended.seen.IsZero() && s.ended.before(f.Begin, f.Kind == Broker) {
		return false
	}
	switch f.Kind {
	case PluginKill: // the engine has the answers of all that are older
		return a.at.After(f.Begin.Add(-answered))
	case PluginStop: // and of those that were answered in time
		return a.at.After(f.Begin.Add(-answered)) && latest(a.at, f.End).Add(answers).After(a.deadline)
	}
	return true
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (f Fault) clean() bool { return (f.Kind == Restart || f.Kind == Rolling) && f.Clean }

// until returns when the last attempt can have begun that is in doubt.
func (f Fault) until() time.Time {
	if f.Kind == Partition && !f.Fenced.IsZero() {
		return f.Fenced
	}
	return f.End
}

// fences says whether an attempt is a silenced node's, after its session and
// before it is a member again.
func (f Fault) fences(a attempt) bool {
	return f.Kind.silences() && a.node == f.Node && a.at.After(f.Fenced) && a.at.Before(f.Again)
}

// inOrder returns the faults by their begin, and tells each since when the
// process ran that it struck.
func inOrder(faults []Fault) []Fault {
	slices.SortFunc(faults, func(a, b Fault) int { return a.Begin.Compare(b.Begin) })
	started := map[string]time.Time{}
	for i := range faults {
		f := &faults[i]
		f.since = started[f.Node]
		switch f.Kind {
		case Kill, Disk, Restart, Rolling:
			started[f.Node] = f.End
		}
	}
	return faults
}
