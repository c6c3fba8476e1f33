package shard

import (
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

// spill relieves the trackers. It writes only where the flight takes off in
// this turn: a result that comes next is then written behind it.
func (s *Shard) spill(now time.Time) {
	if len(s.flying) >= mostFlying {
		return
	}
	for i := range s.inputs {
		t := s.inputs[i].tracker
		limit := s.inputs[i].begun() - t.span/2
		if limit <= t.low {
			continue
		}
		t.Items(limit, func(it *item) {
			if it.away && it.input != noInput {
				s.spillOpen(it)
			}
		})
		for _, l := range s.lines {
			if l.bulk == (i == intake.Bulk) {
				s.shed(l, 0, now, func(it *item) bool { return it.offset < limit })
			}
		}
	}
}

// spillOpen writes an attempt that is under way. Its result is written as that
// of a parked send.
func (s *Shard) spillOpen(it *item) {
	it.open = true
	if err := s.pend.park(openQueue, it, time.UnixMilli(never)); err != nil {
		s.fail("encode an open send", err)
	}
	it.input, it.parked = noInput, true
}

// shed parks those of a line's new sends that are picked, from a place in it on.
// Past the park limit bulk sends stay, and past the hard one urgent sends fail.
func (s *Shard) shed(l *line, from int, now time.Time, pick func(*item) bool) {
	room := s.cfg.ParkLimit
	if !l.bulk {
		room = s.cfg.ParkHard
	}
	room -= s.env.Ledger.Parked(l.name)
	l.keep(from, func(it *item) bool {
		switch {
		case it.parked || !pick(it) || room <= 0 && l.bulk:
			return true
		case room > 0:
			room--
			it.reason = why("overload", codeLaneFull)
			s.parkIn(l.name, it, now, now)
		default:
			it.reason = why("overload", codeLaneFull)
			s.end(it, carillonv1.State_STATE_FAILED, "", now)
		}
		return false
	})
}
