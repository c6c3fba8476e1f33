package lane

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
)

// shares interleaves urgent and bulk by weight. Neither starves; either takes
// all where the other has nothing.
type shares struct {
	urgent, bulk standing
	run          int // urgent attempts since the last bulk one
}

// weight is how many urgent attempts go for each bulk one while both wait.
const weight = 8

func (s *shares) len() int { return s.urgent.Len() + s.bulk.Len() }

func (s *shares) push(a *Attempt) {
	if a.Bulk {
		s.bulk.Push(a)
	} else {
		s.urgent.Push(a)
	}
}

// room is how many attempts can begin: of each priority, and in all.
type room struct{ urgent, bulk, most int }

// pop takes out the next attempt that there is room for and no limit keeps, and
// takes it off; nil where there is none.
func (s *shares) pop(r *room, g *gates, now time.Time) *Attempt {
	for r.urgent > 0 || r.bulk > 0 {
		if r.urgent > 0 && (s.run < weight && !fault.Mutant(fault.BulkFirst) || r.bulk == 0) {
			if a := s.urgent.next(g, now); a != nil {
				s.run++
				r.urgent--
				return a
			}
			r.urgent = 0
			continue
		}
		if a := s.bulk.next(g, now); a != nil {
			s.run = 0
			r.bulk--
			return a
		}
		r.bulk = 0
	}
	return nil
}

// opens returns how long the limits keep all that there is room for, most at most.
// A gate that has opened is one of a priority without room, or with nothing left
// there: what makes room wakes the sender, which would else ask again at once, and
// for ever.
func (s *shares) opens(now time.Time, most time.Duration) time.Duration {
	for _, of := range []*standing{&s.urgent, &s.bulk} {
		if at, ok := of.opens(); ok && at.After(now) {
			most = min(most, at.Sub(now))
		}
	}
	return most
}

// back appends what limits keep for longer.
func (s *shares) back(ended []Result, o Observer) []Result {
	for _, of := range []*standing{&s.urgent, &s.bulk} {
		for _, a := range of.back {
			o.Limited(a.Limit)
			ended = append(ended, Result{Attempt: a, Outcome: Limited})
		}
		clear(of.back)
		of.back = of.back[:0]
	}
	return ended
}

// remove takes out what matches, and returns it.
func (s *shares) remove(match func(*Attempt) bool) []*Attempt {
	return append(s.urgent.Remove(match), s.bulk.Remove(match)...)
}
