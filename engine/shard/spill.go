package shard

import (
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/intake"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// What is finished above the watermark has to fit into a commit's metadata, so
// the watermark must not stay far behind what is begun. At half of the bound
// what holds it is spilled to `ledger`: then its offset is done, and one slow
// call pins nothing.

// spanOf bounds how far above the watermark a shard begins records.
func spanOf(window int) int64 { return int64(min(8*window, intake.MaxSpan)) }

// spill relieves the trackers.
func (s *Shard) spill(now time.Time) {
	for i := range s.inputs {
		t := s.inputs[i].tracker
		limit := s.inputs[i].begun() - t.span/2
		if limit <= t.low {
			continue
		}
		t.Items(limit, func(it *item) {
			switch {
			case it.input == noInput:
			case it.away:
				s.spillOpen(it)
			case it.behindOthers():
				s.parkBehind(it, now)
			}
		})
		for _, l := range s.inOrder {
			if l.bulk == (i == intake.Bulk) {
				s.shed(l, now, func(it *item) bool { return it.offset < limit })
			}
		}
	}
}

// spillOpen writes an attempt that is under way. Its result is written as that
// of a parked send.
func (s *Shard) spillOpen(it *item) {
	it.open = true
	s.write(openQueue, it, time.UnixMilli(never))
	it.input, it.parked = noInput, true
}

// room is how many more may be parked in a lane's queues.
func (s *Shard) room(queue string, bulk bool) int {
	limit := s.cfg.ParkLimit
	if !bulk {
		limit = s.cfg.ParkHard
	}
	return limit - s.env.Ledger.Parked(queue) - s.env.Ledger.Parked(queue+orderedRows)
}

// shed parks those of a line's new sends that are picked. Past the park limit bulk
// sends stay, and past the hard one urgent sends fail.
func (s *Shard) shed(l *line, now time.Time, pick func(*item) bool) {
	room := s.room(l.name, l.bulk)
	if room <= 0 && l.bulk {
		return
	}
	l.keep(func(it *item) bool {
		switch {
		case it.parked || !pick(it) || room <= 0 && l.bulk:
			return true
		case room > 0:
			room--
			s.parkIn(l.name, it, it.waitsUntil(now), now)
		default:
			it.reason = why("overload", codeLaneFull)
			s.end(it, carillonv1.State_STATE_FAILED, "", now)
		}
		return false
	})
}

// relieve parks new sends that wait for their lane for too long while the
// window is full, so that those behind them get on: the half of each stuck line
// whose turn comes last.
func (s *Shard) relieve(now time.Time) time.Duration {
	wait := time.Hour
	for i := range s.inputs {
		if s.inputs[i].tracker.Open() < s.cfg.Window {
			continue
		}
		for _, l := range s.inOrder {
			if l.bulk != (i == 1) {
				continue
			}
			s.shedLater(l, now)
			if l.waiting.Len() == 0 {
				continue
			}
			if left := s.cfg.Patience - now.Sub(l.eldest()); left > 0 {
				wait = min(wait, left)
				continue
			}
			s.shedHalf(l, now)
		}
		wait = min(wait, s.relieveWaits(i, now))
	}
	return wait
}

// shedHalf parks the half of a line whose turn comes last: that of those who have
// the most.
func (s *Shard) shedHalf(l *line, now time.Time) {
	first := make([]*item, l.waiting.Len()/2)
	for i := range first {
		first[i] = l.pop()
	}
	s.shed(l, now, func(it *item) bool { return it.NotBefore == 0 })
	l.pushFirst(first)
}

// relieveWaits does the same with those that wait for their turn.
func (s *Shard) relieveWaits(i int, now time.Time) time.Duration {
	waits := slices.DeleteFunc(s.waits[i], func(it *item) bool { return !it.behindOthers() })
	s.waits[i] = waits
	if len(waits) == 0 {
		return time.Hour
	}
	if left := s.cfg.Patience - now.Sub(waits[0].since); left > 0 {
		return left
	}
	for _, it := range waits[len(waits)/2:] {
		switch room := s.room(queueName(it.channel, it.account, it.Bulk), it.Bulk); {
		case room > 0:
			s.parkBehind(it, now)
		case !it.Bulk:
			it.reason = why("overload", codeLaneFull)
			s.end(it, carillonv1.State_STATE_FAILED, "", now)
		}
	}
	return time.Hour
}
