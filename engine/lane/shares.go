package lane

import "github.com/carillonhq/carillon/engine/fault"

// shares interleaves urgent and bulk by weight. Neither starves; either takes
// all where the other has nothing.
type shares struct {
	urgent, bulk Queue
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

// pop takes out the next attempt that there is room for, and takes it off.
func (s *shares) pop(r *room) *Attempt {
	if r.urgent > 0 && (s.run < weight && !fault.Mutant(fault.BulkFirst) || r.bulk == 0) {
		s.run++
		r.urgent--
		return s.urgent.Pop()
	}
	s.run = 0
	r.bulk--
	return s.bulk.Pop()
}

// remove takes out what matches, and returns it.
func (s *shares) remove(match func(*Attempt) bool) []*Attempt {
	return append(s.urgent.Remove(match), s.bulk.Remove(match)...)
}
