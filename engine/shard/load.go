package shard

import (
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/send"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// Queues of the ledger that belong to no lane.
const (
	timeQueue = "time" // until sendAt
	heldQueue = "held" // in doubt
	openQueue = "open" // an attempt may be under way
)

func queueName(channel, account string, bulk bool) string {
	if bulk {
		return channel + "/" + account + "/bulk"
	}
	return channel + "/" + account + "/urgent"
}

// loadAtOnce bounds the parked sends in memory of a queue without a lane.
const loadAtOnce = 256

// load brings parked sends that are due back, at most half a quota per line, so
// that they and new ones both get on.
func (s *Shard) load(now time.Time) time.Duration {
	wait := time.Hour
	s.dueSoon = false
	type ready struct {
		queue string
		room  int
	}
	var due []ready
	ms := now.UnixMilli()
	if fault.Mutant(fault.ParkedEscape) {
		s.due, s.loads.gate = never, s.loadedEver+loadAtOnce
	}
	s.env.Ledger.Queues(func(queue string, _ int, next int64) {
		s.dueSoon = s.dueSoon || next <= ms+dueAhead.Milliseconds()/2
		if next > ms {
			if left := next - ms; left < wait.Milliseconds() { // never is too far for a Duration
				wait = time.Duration(left) * time.Millisecond
			}
			return
		}
		room := loadAtOnce
		if l := s.lines[strings.TrimSuffix(queue, orderedRows)]; l != nil {
			room = s.cfg.Quota/2 - l.loaded
		}
		if room > 0 && next <= s.due {
			due = append(due, ready{queue, room})
		}
	})
	for _, d := range due {
		room := min(d.room, int(s.loads.gate-s.loadedEver))
		for _, it := range s.dueRows(d.queue, min(ms, s.due), room) {
			s.consider(it, now)
		}
	}
	return wait
}

func (s *Shard) dueRows(queue string, ms int64, room int) []*item {
	if room <= 0 {
		return nil
	}
	var items []*item
	err := s.env.Ledger.Due(queue, ms, func(k send.Key, value []byte) bool {
		if _, here := s.live[k]; here {
			return true
		}
		var p ledgerv1.Parked
		if err := p.UnmarshalVT(value); err != nil {
			s.fail("read a parked send", err)
			return false
		}
		it := unpark(k, &p)
		if s.rowInDoubt(queue, p.DueMs) && p.Turn != ledgerv1.Turn_TURN_BEHIND {
			it.doubt = mayBeOpen
		}
		if s.tooEarly(it, p.Turn) {
			return true
		}
		if p.DueMs <= s.doubtDue() {
			s.doubted[queue] = doubtedRows{rows: s.doubted[queue].rows + 1, due: p.DueMs}
		}
		s.live[k] = true
		s.loaded++
		s.loadedEver++
		items = append(items, it)
		return len(items) < room
	})
	if err != nil {
		s.fail("read parked sends", err)
	}
	return items
}

// unload is for a parked send that is no longer in memory.
func (s *Shard) unload(k send.Key) {
	if s.live[k] {
		s.loaded--
	}
	delete(s.live, k)
}
