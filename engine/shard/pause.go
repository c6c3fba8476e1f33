package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
)

// withdraw takes back what has not reached a plugin.
func (s *Shard) withdraw() {
	for _, l := range s.inOrder {
		if other := s.byLane[l.way][0]; !l.bulk || other == nil { // once per lane
			l.way.Withdraw(s)
		}
	}
}

// takeBack is for an attempt that did not begin.
func (s *Shard) takeBack(it *item, now time.Time) {
	switch {
	case it.open && s.unannounce(it, now):
	case it.open:
		s.putBack(it)
	case s.stopping: // it is read again
		s.leave(it)
	default:
		it.made--
		it.line.back = append(it.line.back, it)
		s.anyBack = true
	}
}

// rejoin puts what lanes gave back in front of its line. What is of one campaign
// has the order it had.
func (s *Shard) rejoin(now time.Time) {
	if !s.anyBack {
		return
	}
	s.anyBack = false
	for _, l := range s.inOrder {
		if len(l.back) > 0 {
			l.pushFirst(l.back)
			l.back = nil
			if s.halts != nil && !s.still() {
				l.keep(func(it *item) bool { return !s.halted(it, now) })
			}
		}
	}
	if s.paused {
		s.save(now)
	}
}

// save parks, in a pause, what waits and has a history that only this memory
// has: whoever takes the shard over must know of the answers that were lost.
func (s *Shard) save(now time.Time) {
	for _, l := range s.inOrder {
		l.keep(func(it *item) bool {
			if it.unsaved && !fault.Mutant(fault.HistoryNotSaved) {
				s.leave(it)
				s.parkIn(l.name, it, now, now)
				return false
			}
			return true
		})
	}
}
