package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/lane"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// An account that is left alone (see lane.Breaker) takes no attempts but a probe
// now and then. Its sends are parked and say so, and none of them is failed for
// it. Their rows stay where they are, however long it takes: while the account
// rests none of them is loaded, and when a probe's time has come one is.

// askHealth is how soon a shard looks again at an account whose probe is under
// way, or due: it may be another shard's.
const askHealth = 50 * time.Millisecond

// leftAlone parks a send that would go to an account that is left alone, and says
// whether it has.
func (s *Shard) leftAlone(it *item, way Lane, now time.Time) bool {
	h := way.Health()
	if !h.Rests(now) {
		return false
	}
	l := s.lineOf(way, it.Bulk) // so that its rows are known to be this account's
	it.channel, it.account = way.Name()
	if it.parked || s.room(l.name, l.bulk) > 0 {
		s.parkBroken(l, it, h, now)
		return true
	}
	if it.Bulk {
		return false // it stays in memory, and holds its input up
	}
	it.reason = why("overload", codeLaneFull)
	s.end(it, carillonv1.State_STATE_FAILED, "", now)
	return true
}

func (s *Shard) parkBroken(l *line, it *item, h lane.Health, now time.Time) {
	it.reason = why(h.Class, codeBreakerOpen)
	due := h.Until
	if due.Before(now) { // nothing may stand before what is loaded already
		due = now
	}
	s.parkIn(l.name, it, due, now)
	l.search.begin(h)
	l.search.notice(it.Expires)
	s.sleep(it, now)
}

// fillBroken says how many attempts the lane of an account that is not well may
// have, one when a probe's time has come, and for how long that stays so. What
// waits until then is parked.
func (s *Shard) fillBroken(l *line, h lane.Health, now time.Time) (int, time.Duration) {
	wait := s.endExpired(l, h, now)
	if l.spared(s, h, now) {
		s.reroute(l, now)
	}
	switch {
	case h.Rests(now):
		s.parkLine(l, h, now)
		return 0, wait
	case l.waiting.Len() == 0:
		return 0, wait
	case h.State == lane.HalfOpen:
		return 0, askHealth
	default:
		return 1, askHealth
	}
}

// parkLine parks what waits in a line whose account is left alone.
func (s *Shard) parkLine(l *line, h lane.Health, now time.Time) {
	if l.waiting.Len() == 0 {
		return
	}
	room := s.room(l.name, l.bulk)
	l.keep(func(it *item) bool {
		switch {
		case it.parked && it.reason.GetCode() == codeBreakerOpen:
			return true // its row says so already
		case it.parked || room > 0:
			if !it.parked {
				room--
			}
			s.leave(it)
			s.parkBroken(l, it, h, now)
		case l.bulk:
			return true
		default:
			it.reason = why("overload", codeLaneFull)
			s.end(it, carillonv1.State_STATE_FAILED, "", now)
		}
		return false
	})
}

// spared says whether another account takes over what this one does not take. When
// a probe's time has come it is this one's again: else nothing would try it.
func (l *line) spared(s *Shard, h lane.Health, now time.Time) bool {
	if h.State == lane.Closed || h.State == lane.Open && !h.Rests(now) {
		return false
	}
	return s.env.Lanes.Spared(l.way.Name())
}

// untilProbe is for how long no other account takes over what a line's account does
// not take.
func (s *Shard) untilProbe(l *line, h lane.Health, now time.Time) time.Duration {
	if !h.Rests(now) || l.spared(s, h, now) {
		return 0
	}
	return h.Until.Sub(now)
}

// roomBroken returns how many of a line's rows may be loaded while its account is
// not well, and how soon that has to be looked at again: one for a probe, unless
// there is one already.
func (l *line) roomBroken(h lane.Health, now time.Time) (int, time.Duration) {
	switch {
	case h.Rests(now):
		return 0, h.Until.Sub(now)
	case h.State == lane.HalfOpen || l.loaded > 0 || l.waiting.Len() > 0:
		return 0, askHealth
	default:
		return 1, askHealth
	}
}
