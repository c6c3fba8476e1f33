package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/send"
)

// line is a shard's part of one lane and priority: what waits to enter it, in
// turns as in the lane, and how much is in it. Its name is that of the ledger's
// queue of parked sends.
//
// Turns change no order that is promised: of those with one ordering key only the
// first is in a line, see order.go.
type line struct {
	name    string
	way     Lane
	bulk    bool
	waiting lane.Queue
	back    []*item // given back by the lane in this turn: they stand before waiting
	later   later   // given back because a limit keeps them
	inLane  int
	loading // of waiting and inLane: those that were parked
	search  search

	spreadAt time.Time // see share.go
	spreadBy int       // apps
}

func (l *line) channel() string {
	channel, _ := l.way.Name()
	return channel
}

func (l *line) push(it *item) {
	it.Ref = it
	l.waiting.Push(&it.Attempt)
}

func (l *line) pop() *item { return l.waiting.Pop().Ref.(*item) }

// pushFirst puts items before all that wait.
func (l *line) pushFirst(items []*item) {
	for l.waiting.Len() > 0 {
		items = append(items, l.pop())
	}
	for _, it := range items {
		l.push(it)
	}
}

// keep drops what is not to stay. stays must not add to the line.
func (l *line) keep(stays func(*item) bool) {
	l.waiting.Remove(func(a *lane.Attempt) bool { return !stays(a.Ref.(*item)) })
	l.keepLater(stays)
}

// eldest returns since when the one waits that waits the longest.
func (l *line) eldest() time.Time {
	var since time.Time
	for a := range l.waiting.Firsts() {
		if it := a.Ref.(*item); since.IsZero() || it.since.Before(since) {
			since = it.since
		}
	}
	return since
}

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
		s.inOrder = append(s.inOrder, pair[i])
	}
	return pair[i]
}

func (s *Shard) enqueue(it *item, way Lane, now time.Time) {
	l := s.lineOf(way, it.Bulk)
	channel, account := way.Name()
	stray := it.channel != channel || it.account != account
	it.channel, it.account = channel, account
	if stray && it.Key != "" {
		it.Key = send.ProviderKey(it.key, channel, account)
	}
	if it.parked && stray && (l.of[it.Send.App] >= s.cfg.Quota/2 || l.loaded >= s.cfg.Quota) {
		// It was loaded without regard to this lane, as one that was scheduled is.
		it.reason = why("overload", codeLaneFull)
		s.parkIn(l.name, it, now, now)
		return
	}
	it.line, it.since = l, now
	if it.loaded = it.parked; it.loaded {
		l.count(it, 1)
	}
	l.push(it)
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
	wait = min(wait, s.takeTurns(now))
	s.endOutdated(now)
	for i := 0; i < len(s.inOrder); i++ { // filling one may make another
		wait = min(wait, s.fill(s.inOrder[i], now))
	}
	return min(wait, s.relieve(now))
}

// askAgain is how soon a line looks whether its lane has room for announcements:
// it may be other shards' attempts that are in its way.
const askAgain = 20 * time.Millisecond

// fill moves what waits in a line into its lane, and returns how long there is
// nothing to do for it.
func (s *Shard) fill(l *line, now time.Time) time.Duration {
	wait := l.ripe(now)
	s.spread(l, now)
	n := min(s.cfg.Quota-l.inLane, l.waiting.Len())
	if h := l.way.Health(); h.State != lane.Closed {
		most, again := s.fillBroken(l, h, now)
		n, wait = min(n, most), min(wait, again)
	}
	if n <= 0 || l.way.About() == nil {
		return wait
	}
	if s.cfg.Policies[l.channel()].Hold {
		if room := l.way.Ahead(l.bulk); room < n {
			n, wait = room, min(wait, askAgain)
		}
	}
	attempts := make([]*lane.Attempt, 0, n)
	for range n {
		it := l.pop()
		if s.halts != nil && s.halted(it, now) {
			continue
		}
		if it.Address == nil && !s.address(it, now) {
			continue
		}
		if it.Until != 0 && it.Until <= now.UnixMilli() || s.suppressedSince(it, now) {
			s.leave(it)
			s.consider(it, now)
			continue
		}
		if s.keyForgotten(it, now) || s.tooSoon(it, l, now) {
			continue
		}
		s.ready(it)
		if s.announces(it, now) {
			s.announce(it)
		} else {
			attempts = append(attempts, &it.Attempt)
		}
	}
	if len(attempts) > 0 {
		l.way.Push(attempts)
	}
	return wait
}

// keyForgotten holds an item that may have been sent under a key that its provider no
// longer knows.
func (s *Shard) keyForgotten(it *item, now time.Time) bool {
	if it.unknown == 0 || it.resent() || !s.announces(it, now) {
		return false
	}
	policy := s.cfg.Policies[it.channel]
	s.leave(it)
	s.release(it)
	s.hold(it, policy, now)
	return true
}

// ready makes an item's next attempt, which its lane has from here on.
func (s *Shard) ready(it *item) {
	it.made++
	it.away = true
	it.Number, it.Owner, it.Waited = it.made-it.before(), s, it.Waited || it.parked
	if it.Key == "" { // else it is the same, and an attempt that is lost may still be on its way out of the lane
		it.Key = it.keyText.ProviderKey(it.key, it.channel, it.account)
	}
	if fault.Mutant(fault.NewKeyPerAttempt) {
		it.Key += string('0' + rune(it.made%10))
	}
	it.line.inLane++
}

// address looks again for the address of a send that was routed before its
// channel's plugin had said what it takes.
func (s *Shard) address(it *item, now time.Time) bool {
	way, address, fault := s.route(it, now)
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
	s.dispatch(it, way, now)
	return false
}

// leave takes an item out of its line's count of loaded ones.
func (s *Shard) leave(it *item) {
	if it.line != nil && it.loaded {
		it.line.count(it, -1)
	}
	it.line, it.loaded = nil, false
}
