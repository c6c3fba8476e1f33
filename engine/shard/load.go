package shard

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// Queues of the ledger that belong to no lane.
const (
	timeQueue = "time" // until then, where no lane takes them as things are
	heldQueue = "held" // in doubt
	openQueue = "open" // an attempt may be under way
)

func queueName(channel, account string, bulk bool) string {
	if bulk {
		return channel + "/" + account + "/bulk"
	}
	return channel + "/" + account + "/urgent"
}

// timeRows is the end of the name of a lane's queue of those that wait until
// sendAt, or until their recipient's quiet hours end. They are apart from those
// that the lane has no room for: only these count for the park limit.
const timeRows = "/time"

// laneQueue is the name of the line that a queue's rows wait for.
func laneQueue(queue string) string {
	lane := strings.TrimSuffix(strings.TrimSuffix(queue, orderedRows), timeRows)
	return strings.TrimSuffix(lane, pausedRows)
}

// waitsForTime says whether a queue's rows wait for a time.
func waitsForTime(queue string) bool {
	queue = strings.TrimSuffix(queue, orderedRows)
	return queue == timeQueue || strings.HasSuffix(queue, timeRows)
}

// parkUntilTime parks a send that must not go before a time, with its lane's, so
// that no more are loaded than the lane soon takes. It is routed anew when it is
// due.
func (s *Shard) parkUntilTime(it *item, way Lane, until time.Time, code string, now time.Time) {
	it.reason, it.doubt = why("time", code), noDoubt
	queue := timeQueue
	if way != nil && it.made == 0 {
		it.channel, it.account = way.Name()
	}
	if it.channel != "" {
		queue = queueName(it.channel, it.account, it.Bulk) + timeRows
	}
	s.parkIn(queue, it, until, now)
}

// timeHasCome is for what waited for a time: it waits for its time no more, and is
// routed as if it were new.
func (it *item) timeHasCome() {
	it.reason = nil
	if it.made == 0 && it.unknown == 0 && it.doubt == noDoubt {
		it.channel, it.account = "", ""
	}
}

// resumed says whether it was paused, and is no more.
func (it *item) resumed() bool {
	return it.reason.GetClass() == ClassOperator && it.reason.GetCode() == codeResumed
}

// loadAtOnce bounds the parked sends in memory of a queue without a lane.
const loadAtOnce = 256

// ready is a queue that may have a row that is due.
type ready struct {
	queue, line string
	since       int64
}

// load brings parked sends that are due back, at most half a quota per line, so
// that they and new ones both get on: in turns by tenant, and of a tenant those that
// have been due the longest first. So what is in memory does not depend on how many
// are due.
func (s *Shard) load(now time.Time) time.Duration {
	wait := time.Hour
	s.dueSoon = false
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
		if next <= s.due {
			due = append(due, ready{queue, laneQueue(queue), next})
		}
	})
	slices.SortFunc(due, func(a, b ready) int {
		return cmp.Or(cmp.Compare(a.since, b.since), strings.Compare(a.queue, b.queue))
	})
	for len(due) > 0 {
		name := due[0].line
		var queues []string
		due = slices.DeleteFunc(due, func(r ready) bool {
			if r.line == name {
				queues = append(queues, r.queue)
			}
			return r.line == name
		})
		room, again := s.roomFor(name, queues, now)
		wait = min(wait, again)
		if room = min(room, int(s.loads.gate-s.loadedEver)); room > 0 {
			for _, it := range s.shareOut(name, queues, min(ms, s.due), room) {
				s.consider(it, now)
			}
		}
	}
	return wait
}

// roomFor returns how many rows of a line's queues may be loaded. Room for few is as
// good as none while others are on their way: to load some is to read past all
// that are. It also returns how soon that changes by itself.
func (s *Shard) roomFor(name string, queues []string, now time.Time) (int, time.Duration) {
	const never = time.Hour
	most := max(1, s.cfg.Quota/2)
	l := s.lines[name]
	if l == nil { // nothing has gone there yet, or it is no lane's
		return min(most, loadAtOnce), never
	}
	if h := l.way.Health(); h.State != lane.Closed {
		room, again := l.roomBroken(h, now)
		if l.spared(s, h, now) {
			room = s.roomElsewhere(l, most)
		}
		return room, again
	}
	if room := s.roomInShares(l, queues, most, now); room > most/4 || l.loaded == 0 {
		return room, never
	}
	return 0, never
}

func (s *Shard) dueRows(queue, tenant string, ms int64, room int) []*item {
	if room <= 0 {
		return nil
	}
	var items []*item
	err := s.env.Ledger.Due(queue, tenant, ms, func(k send.Key, value []byte) bool {
		if _, here := s.live[k]; here {
			return true
		}
		var p ledgerv1.Parked
		if err := p.UnmarshalVT(value); err != nil {
			s.fail("read a parked send", err)
			return false
		}
		it := unpark(k, &p)
		it.row = ledger.Spot{Queue: queue, Tenant: tenant, Due: p.DueMs}
		delete(s.woken, k)
		if waitsForTime(queue) || it.resumed() {
			it.timeHasCome()
		}
		if s.rowInDoubt(it.row) && p.Turn != ledgerv1.Turn_TURN_BEHIND {
			it.doubt = mayBeOpen
		}
		if s.tooEarly(it, p.Turn) {
			return true
		}
		if p.DueMs <= s.doubtDue() {
			s.passRow(it.row)
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
