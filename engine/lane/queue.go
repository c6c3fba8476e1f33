package lane

import "github.com/carillonhq/carillon/engine/fault"

// fifo is a queue that reuses its memory.
type fifo struct {
	items []*Attempt
	head  int
}

func (q *fifo) len() int { return len(q.items) - q.head }

func (q *fifo) push(a ...*Attempt) {
	if q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, a...)
}

func (q *fifo) pop() *Attempt {
	a := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	return a
}

// shares interleaves urgent and bulk by weight. Neither starves; either takes
// all where the other has nothing.
type shares struct {
	urgent, bulk fifo
	run          int // urgent attempts since the last bulk one
}

// weight is how many urgent attempts go for each bulk one while both wait.
const weight = 8

func (s *shares) len() int { return s.urgent.len() + s.bulk.len() }

func (s *shares) push(a *Attempt) {
	if a.Bulk {
		s.bulk.push(a)
	} else {
		s.urgent.push(a)
	}
}

// room is how many attempts can begin: of each priority, and in all.
type room struct{ urgent, bulk, most int }

// pop takes out the next attempt that there is room for, and takes it off.
func (s *shares) pop(r *room) *Attempt {
	if r.urgent > 0 && (s.run < weight && !fault.Mutant(fault.BulkFirst) || r.bulk == 0) {
		s.run++
		r.urgent--
		return s.urgent.pop()
	}
	s.run = 0
	r.bulk--
	return s.bulk.pop()
}

// remove takes out what matches, and returns it.
func (s *shares) remove(match func(*Attempt) bool) []*Attempt {
	var out []*Attempt
	for _, q := range []*fifo{&s.urgent, &s.bulk} {
		kept := q.items[:0]
		for _, a := range q.items[q.head:] {
			if match(a) {
				out = append(out, a)
			} else {
				kept = append(kept, a)
			}
		}
		clear(q.items[len(kept):])
		q.items, q.head = kept, 0
	}
	return out
}
