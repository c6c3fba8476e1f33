package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// An operator cancels and pauses sends. What stands of it is looked at when a
// send is considered, and once more right before its attempt; when something
// comes to stand, what waits is gone through: lanes and lines at once, what is
// parked in steps. An attempt that is at the plugin is too late.
//
// Nothing of this is kept by the shard: `control` is, and every node has read it
// before its first attempt.

// halting is a shard's state of it.
type halting struct {
	halts   *Halts // that stand
	news    bool   // they have not been gone by yet
	tallies map[string]*tally
	ending  walk              // through what is parked, to cancel
	waking  walk              // through what is paused, to let it go on
	woken   map[send.Key]bool // made due, and not loaded yet
}

// tally is what became of the sends of a cancel or a pause.
type tally struct {
	sends, late int64
	under       map[*item]bool // at the plugin since before it
	swept       bool           // all that is parked was gone through
	heeded      bool           // lanes have been asked, and have answered
}

// Halt gives the shard what operators have canceled and paused, from any
// goroutine: all that stands, in place of what stood before. It must be given
// before the shard may begin anything.
func (s *Shard) Halt(h *Halts) { s.mail.halt(h) }

// heedHalts takes what stands now.
func (s *Shard) heedHalts(h *Halts) {
	if h == s.halts {
		return
	}
	s.halts, s.news = h, true
	for request := range s.tallies {
		if !h.has(request) {
			delete(s.tallies, request)
		}
	}
	if h == nil {
		return
	}
	for request, swept := range h.requests {
		if s.tallies[request] == nil {
			s.tallies[request] = &tally{under: map[*item]bool{}, swept: swept}
		}
	}
}

// obey goes through what waits, once for all that has come to stand.
func (s *Shard) obey(now time.Time) {
	if !s.news {
		for _, t := range s.tallies {
			t.heeded = true // what lanes gave back in the last turn is in the lines by now
		}
		return
	}
	s.news = false
	if s.halts != nil {
		s.recallHalted(now)
		for _, l := range s.inOrder {
			l.keep(func(it *item) bool { return !s.halted(it, now) })
		}
		for i := range s.waits {
			for _, it := range s.waits[i] {
				if it.behindOthers() && s.cancelOf(it, now) != nil {
					way, _, _ := s.route(it, now)
					s.canceled(it, way, now)
				}
			}
		}
	}
	if s.unswept() {
		s.ending.begin(s)
	}
	s.waking.begin(s)
}

// recallHalted takes back what waits in lanes, and notes what is too late for it.
func (s *Shard) recallHalted(now time.Time) {
	for _, l := range s.inOrder {
		if other := s.byLane[l.way][0]; l.bulk && other != nil {
			continue // once per lane
		}
		l.way.AtPlugin(s, func(a *lane.Attempt) {
			it := a.Ref.(*item)
			if c := s.cancelOf(it, now); c != nil {
				s.tallies[c.Request].under[it] = true
			}
		})
		l.way.Recall(s, func(a *lane.Attempt) bool {
			return s.stands(a.Ref.(*item), now)
		})
	}
}

func (s *Shard) cancelOf(it *item, now time.Time) *Cancel {
	if fault.Mutant(fault.CancelNotChecked) {
		return nil
	}
	return s.halts.cancels(it, now)
}

// canceled ends a send that is canceled, and says whether it was.
func (s *Shard) canceled(it *item, way Lane, now time.Time) bool {
	c := s.cancelOf(it, now)
	if c == nil {
		return false
	}
	s.wasPerhapsTried(it, way)
	s.cancel(it, c, now)
	return true
}

// cancel ends a send. Of one that may have been sent before, nobody can say that
// it was not.
func (s *Shard) cancel(it *item, c *Cancel, now time.Time) {
	it.reason = why(ClassOperator, codeCanceled)
	s.end(it, it.surely(carillonv1.State_STATE_CANCELED), "", now)
	s.tallies[c.Request].sends++
}

// pausedNow parks a send that is paused, and says whether it was. It is due when
// it expires; when it is paused no more, it is made due: see wake.
func (s *Shard) pausedNow(it *item, way Lane, now time.Time) bool {
	channel, account := way.Name()
	p := s.halts.paused(it, channel, account)
	if p == nil {
		return false
	}
	it.channel, it.account = channel, account
	it.reason = why(ClassOperator, codePaused)
	s.parkIn(queueName(channel, account, it.Bulk)+pausedRows, it, time.UnixMilli(it.Expires), now)
	s.sleep(it, now)
	s.tallies[p.Request].sends++
	return true
}

// stands says whether what is in a lane or line is canceled or paused.
func (s *Shard) stands(it *item, now time.Time) bool {
	return s.cancelOf(it, now) != nil || s.halts.paused(it, it.channel, it.account) != nil
}

// halted ends or parks what waits in a line, and says whether it did.
func (s *Shard) halted(it *item, now time.Time) bool {
	way := it.line.way
	if !s.stands(it, now) {
		return false
	}
	s.leave(it)
	return s.canceled(it, way, now) || s.pausedNow(it, way, now)
}

// overtaken is for the result of an attempt that an operator came too late for:
// if nothing has ended, the send ends now, and says so.
func (s *Shard) overtaken(it *item, n *next, now time.Time) bool {
	c := s.cancelOf(it, now)
	if c != nil && s.tallies[c.Request].under[it] {
		delete(s.tallies[c.Request].under, it)
		if n.do == end {
			s.tallies[c.Request].late++
		}
	}
	switch {
	case n.do == end:
		return false
	case c != nil:
		s.leave(it)
		s.cancel(it, c, now)
		return true
	case n.do == resend && s.halts.paused(it, it.channel, it.account) != nil:
		n.do = park // and is found to be paused when it is loaded
	}
	return false
}

// unannounce ends an announced attempt that has not begun, and says whether its
// send is canceled.
func (s *Shard) unannounce(it *item, now time.Time) bool {
	if s.halts == nil || s.still() {
		return false
	}
	c := s.cancelOf(it, now)
	if c == nil {
		return false
	}
	it.made--
	it.open = false
	s.leave(it)
	s.cancel(it, c, now)
	return true
}
