package lane

import (
	"time"

	"github.com/zeebo/xxh3"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/limit"
)

// standing is what waits of one priority: in turns, and what had its turn while a
// limit kept it. That is set aside, so that it is in nobody's way: at the gate
// that was shut, first in, first out; and the gates stand in a heap by when they
// open. So the next attempt takes O(log n) to find with n limits that are reached.
type standing struct {
	Queue
	asides map[*gate]*aside
	shut   opening             // asides whose gate is shut
	ready  list[aside, *aside] // the others
	n      int                 // set aside
	turn   bool                // the next one is of those in turns, if there is one
	back   []*Attempt          // to be given back: a limit keeps them for longer
	old    spares[aside, *aside]
}

// aside is what waits at one gate. It is in shut or in ready.
type aside struct {
	gate    *gate
	waiting list[Attempt, *Attempt]
	n       int
	next    *aside
}

func (a *aside) link() **aside { return &a.next }

// What is set aside stands in the way of what its shard may have in the lane. So it
// is no more than goes soon; the rest is given back with the time when it may come
// again. What was given back before, or was parked, has twice that, so that what
// comes anew does not push it off.
const soon = time.Second

// Len returns how many attempts wait.
func (s *standing) Len() int { return s.Queue.Len() + s.n }

// next takes out the attempt that is next among those that no limit keeps, and
// reserves its place; nil where there is none.
func (s *standing) next(g *gates, now time.Time) *Attempt {
	if !g.any && s.n == 0 {
		if s.Queue.Len() == 0 {
			return nil
		}
		return s.Pop()
	}
	s.open(now)
	if s.turn = !s.turn; s.turn {
		if a := s.fromTurns(g, now); a != nil {
			return a
		}
		return s.fromAside(g, now)
	}
	if a := s.fromAside(g, now); a != nil {
		return a
	}
	return s.fromTurns(g, now)
}

func (s *standing) fromTurns(g *gates, now time.Time) *Attempt {
	for s.Queue.Len() > 0 {
		if a := s.Pop(); s.passes(a, g, now) {
			return a
		}
	}
	return nil
}

func (s *standing) fromAside(g *gates, now time.Time) *Attempt {
	for at := s.ready.first; at != nil; at = s.ready.first {
		opens := at.gate.at(now, 0)
		switch {
		case at.waiting.first == nil:
			s.ready.pop()
			s.drop(at)
			continue
		case opens.After(now):
			s.ready.pop()
			s.shut.push(at, opens)
			s.clear(at, opens, now)
			continue
		}
		a := at.waiting.pop()
		at.n--
		s.n--
		s.ready.rotate()
		if s.passes(a, g, now) {
			return a
		}
	}
	return nil
}

// passes says whether an attempt may go, and reserves its place. If not, it is set
// aside, or given back.
func (s *standing) passes(a *Attempt, g *gates, now time.Time) bool {
	if _, ends := a.ends(now); ends || !g.any || fault.Mutant(fault.LimitsPassed) {
		return true
	}
	shut, opens := g.blocking(a, now)
	if shut == nil {
		g.take(now)
		return true
	}
	first, most := opens, soon
	if at := s.asides[shut]; at != nil {
		first = shut.at(now, at.n)
	}
	if a.Waited {
		most *= 2
	}
	if first.Sub(now) <= most {
		s.setAside(a, shut, opens)
	} else {
		s.giveBack(a, shut, first, now)
	}
	return false
}

// giveBack books a place for an attempt that had first for the earliest. It may
// come a little sooner, so that the limit has always some to let pass.
func (s *standing) giveBack(a *Attempt, g *gate, first, now time.Time) {
	campaign := xxh3.HashStringSeed(a.Send.Campaign, xxh3.HashString(a.Send.App))
	if a.Bulk {
		campaign++ // urgent ones have a book of their own
	}
	come := g.book(campaign, first, now).Add(-soon / 2)
	if come.Before(g.until) { // which a provider said
		come = g.until
	}
	a.NotBefore, a.Limit, a.Waited = come.UnixMilli()+1, g.of, true
	s.back = append(s.back, a)
}

// clear gives back all that waits at a gate that a throttle has shut for longer.
func (s *standing) clear(at *aside, opens, now time.Time) {
	if opens.Sub(now) <= 2*soon {
		return
	}
	for a := at.waiting.pop(); a != nil; a = at.waiting.pop() {
		at.n--
		s.n--
		s.giveBack(a, at.gate, opens, now)
	}
}

func (s *standing) setAside(a *Attempt, g *gate, opens time.Time) {
	at := s.asides[g]
	if at == nil {
		if s.asides == nil {
			s.asides = map[*gate]*aside{}
		}
		at = s.old.take()
		at.gate, s.asides[g] = g, at
		g.uses++
		s.shut.push(at, opens)
	}
	at.waiting.push(a)
	at.n++
	s.n++
}

// open makes those asides ready whose gates have opened.
func (s *standing) open(now time.Time) {
	for len(s.shut) > 0 && !s.shut[0].at.After(now) {
		s.ready.push(s.shut.pop())
	}
}

func (s *standing) drop(at *aside) {
	delete(s.asides, at.gate)
	at.gate.uses--
	at.gate = nil
	s.old.add(at, len(s.asides))
}

// opens returns when the first gate opens at which attempts wait; false where
// there is none.
func (s *standing) opens() (time.Time, bool) {
	if len(s.shut) == 0 {
		return time.Time{}, false
	}
	return s.shut[0].at, true
}

// Remove takes out what matches, wherever it waits, and returns it.
func (s *standing) Remove(match func(*Attempt) bool) []*Attempt {
	out := s.Queue.Remove(match)
	for _, at := range s.asides { // who is left without any goes when its gate opens
		waiting := at.waiting
		at.waiting = list[Attempt, *Attempt]{}
		for a := waiting.pop(); a != nil; a = waiting.pop() {
			if match(a) {
				out = append(out, a)
				at.n--
				s.n--
			} else {
				at.waiting.push(a)
			}
		}
	}
	return out
}

// limited adds how many are set aside, by the dimension of the limit.
func (s *standing) limited(n *[limit.Dimensions]int) {
	for g, at := range s.asides {
		n[g.of] += at.n
	}
}

// opening is a heap of asides by when their gates open.
type opening []struct {
	at time.Time
	*aside
}

func (h *opening) push(a *aside, at time.Time) {
	*h = append(*h, struct {
		at time.Time
		*aside
	}{at, a})
	all := *h
	for i := len(all) - 1; i > 0; {
		up := (i - 1) / 2
		if !all[i].at.Before(all[up].at) {
			return
		}
		all[i], all[up] = all[up], all[i]
		i = up
	}
}

func (h *opening) pop() *aside {
	all := *h
	first, last := all[0].aside, len(all)-1
	all[0] = all[last]
	all[last].aside = nil
	*h = all[:last]
	all = *h
	for i := 0; ; {
		down := 2*i + 1
		if down+1 < len(all) && all[down+1].at.Before(all[down].at) {
			down++
		}
		if down >= len(all) || !all[down].at.Before(all[i].at) {
			return first
		}
		all[i], all[down] = all[down], all[i]
		i = down
	}
}
