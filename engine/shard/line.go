package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// line is a shard's part of one lane and priority: what waits to enter it, and
// how much is in it. Its name is that of the ledger's queue of parked sends.
type line struct {
	name    string
	way     Lane
	bulk    bool
	waiting []*item
	back    []*item // given back by the lane in this turn: they stand before waiting
	inLane  int
	loaded  int // of waiting and inLane: those that were parked
}

// Queues of the ledger that belong to no lane.
const (
	timeQueue = "time" // until sendAt
	heldQueue = "held" // in doubt
	openQueue = "open" // an attempt may be under way
)

// loadAtOnce bounds the parked sends in memory of a queue without a lane.
const loadAtOnce = 256

func (s *Shard) lineOf(way Lane, bulk bool) *line {
	pair := s.byLane[way]
	i := 0
	if bulk {
		i = 1
	}
	if pair[i] == nil {
		channel, account := way.Name()
		pair[i] = &line{name: queueName(channel, account, bulk), way: way, bulk: bulk}
		s.byLane[way] = pair
		s.lines[pair[i].name] = pair[i]
	}
	return pair[i]
}

func queueName(channel, account string, bulk bool) string {
	if bulk {
		return channel + "/" + account + "/bulk"
	}
	return channel + "/" + account + "/urgent"
}

func (s *Shard) enqueue(it *item, way Lane, now time.Time) {
	l := s.lineOf(way, it.Bulk)
	it.line, it.since = l, now
	it.channel, it.account = way.Name()
	if it.loaded = it.parked; it.loaded {
		l.loaded++
	}
	l.waiting = append(l.waiting, it)
}

// move brings waiting sends into their lanes, parked ones that are due into
// their lines, and parks what holds the window up. It returns how long nothing
// falls due.
func (s *Shard) move(now time.Time) time.Duration {
	wait := s.load(now)
	for _, l := range s.lines {
		s.fill(l, now)
	}
	return min(wait, s.relieve(now))
}

func (s *Shard) fill(l *line, now time.Time) {
	n := min(s.cfg.Quota-l.inLane, len(l.waiting))
	if n <= 0 || l.way.About() == nil {
		return
	}
	attempts := make([]*lane.Attempt, 0, n)
	for _, it := range l.waiting[:n] {
		if it.Address == nil && !s.address(it, now) {
			continue
		}
		it.made++
		it.Number, it.Owner, it.Ref = it.made, s, it
		it.Key = send.ProviderKey(it.key, it.channel, it.account)
		l.inLane++
		if s.announces(it, now) {
			s.announce(it)
		} else {
			attempts = append(attempts, &it.Attempt)
		}
	}
	clear(l.waiting[:n])
	l.waiting = l.waiting[n:]
	if len(attempts) > 0 {
		l.way.Push(attempts)
	}
}

// address looks again for the address of a send that was routed before its
// channel's plugin had said what it takes.
func (s *Shard) address(it *item, now time.Time) bool {
	way, address, fault := s.route(it)
	if fault == nil && way == it.line.way {
		it.Address = address
		return true
	}
	s.leave(it)
	it.channel, it.account = "", ""
	if fault != nil {
		it.reason = fault
		s.end(it, carillonv1.State_STATE_REJECTED, "", now)
		return false
	}
	it.Address = address
	s.enqueue(it, way, now)
	return false
}

// takeBack is for an attempt that did not begin.
func (s *Shard) takeBack(it *item) {
	switch {
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

// rejoin puts what lanes gave back in front of its line, in the order it had.
func (s *Shard) rejoin() {
	if !s.anyBack {
		return
	}
	s.anyBack = false
	for _, l := range s.lines {
		if len(l.back) > 0 {
			l.waiting, l.back = append(l.back, l.waiting...), nil
		}
	}
}

// leave takes an item out of its line's count of loaded ones.
func (s *Shard) leave(it *item) {
	if it.line != nil && it.loaded {
		it.line.loaded--
	}
	it.line, it.loaded = nil, false
}

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
	s.env.Ledger.Queues(func(queue string, _ int, next int64) {
		s.dueSoon = s.dueSoon || next <= ms+dueAhead.Milliseconds()/2
		if next > ms {
			if left := next - ms; left < wait.Milliseconds() { // never is too far for a Duration
				wait = time.Duration(left) * time.Millisecond
			}
			return
		}
		room := loadAtOnce
		if l := s.lines[queue]; l != nil {
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
		s.live[k] = true
		s.loaded++
		s.loadedEver++
		items = append(items, unpark(k, &p))
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

// relieve parks new sends that wait for their lane for too long while the
// window is full, so that those behind them get on: the newest half of each
// stuck line, which would wait the longest.
func (s *Shard) relieve(now time.Time) time.Duration {
	wait := time.Hour
	for i := range s.inputs {
		if s.inputs[i].tracker.Open() < s.cfg.Window {
			continue
		}
		for _, l := range s.lines {
			if len(l.waiting) == 0 || l.bulk != (i == 1) {
				continue
			}
			if left := s.cfg.Patience - now.Sub(l.waiting[0].since); left > 0 {
				wait = min(wait, left)
				continue
			}
			s.parkTail(l, now)
		}
	}
	return wait
}

func (s *Shard) parkTail(l *line, now time.Time) {
	keep := len(l.waiting) / 2
	room := s.cfg.ParkLimit
	if !l.bulk {
		room = s.cfg.ParkHard
	}
	room -= s.env.Ledger.Parked(l.name)
	tail := l.waiting[keep:]
	kept := l.waiting[:keep]
	for _, it := range tail {
		switch {
		case it.parked:
			kept = append(kept, it)
		case room > 0:
			room--
			it.reason = why("overload", codeLaneFull)
			s.parkIn(l.name, it, now, now)
		case l.bulk:
			kept = append(kept, it)
		default:
			it.reason = why("overload", codeLaneFull)
			s.end(it, carillonv1.State_STATE_FAILED, "", now)
		}
	}
	clear(l.waiting[len(kept):])
	l.waiting = kept
}
