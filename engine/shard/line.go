package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/send"
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
	stalled, wait := s.stall(now)
	if stalled {
		return wait
	}
	wait = min(wait, s.load(now))
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
		if it.unknown > 0 && !it.resent() && s.announces(it, now) {
			// It may have been sent under a key that its provider no longer knows.
			policy := s.cfg.Policies[it.channel]
			s.leave(it)
			s.hold(it, policy, now)
			continue
		}
		it.made++
		it.away = true
		it.Number, it.Owner, it.Ref = it.made, s, it
		it.Key = send.ProviderKey(it.key, it.channel, it.account)
		if fault.Mutant(fault.NewKeyPerAttempt) {
			it.Key += string('0' + rune(it.made%10))
		}
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
	if fault == nil && way == it.line.way && it.doubt == noDoubt {
		it.Address = address
		return true
	}
	s.leave(it)
	if fault != nil {
		it.channel, it.account = "", ""
		s.unroutable(it, fault, now)
		return false
	}
	it.Address = address
	if !s.resolve(it, way, now) {
		s.enqueue(it, way, now)
	}
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
func (s *Shard) rejoin(now time.Time) {
	if !s.anyBack {
		return
	}
	s.anyBack = false
	for _, l := range s.lines {
		if len(l.back) > 0 {
			l.waiting, l.back = append(l.back, l.waiting...), nil
		}
	}
	if s.paused {
		s.save(now)
	}
}

// save parks, in a pause, what waits and has a history that only this memory
// has: whoever takes the shard over must know of the answers that were lost.
func (s *Shard) save(now time.Time) {
	for _, l := range s.lines {
		l.keep(0, func(it *item) bool {
			if it.unsaved && !fault.Mutant(fault.HistoryNotSaved) {
				s.leave(it)
				s.parkIn(l.name, it, now, now)
				return false
			}
			return true
		})
	}
}

// keep drops what is not to stay from a line, from a place in it on.
func (l *line) keep(from int, stays func(*item) bool) {
	kept := l.waiting[:from]
	for _, it := range l.waiting[from:] {
		if stays(it) {
			kept = append(kept, it)
		}
	}
	clear(l.waiting[len(kept):])
	l.waiting = kept
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
		it := unpark(k, &p)
		if s.rowInDoubt(queue, p.DueMs) {
			it.doubt = mayBeOpen
		}
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
			s.shed(l, len(l.waiting)/2, now, func(*item) bool { return true })
		}
	}
	return wait
}
