package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
)

// A recipient has one of a channel's accounts, its own, and sends to it go by
// another one only while that is left alone. A provider knows a send by its key at
// one account, so whoever takes the shard over must know by which a send in doubt
// may have gone: by that of its row, and where it has none by its recipient's own.
// What is to go by any other is written first, as a step to another channel is (see
// fallback.go), and goes once that has landed. Until its doubt is over it goes by no
// other again.

// account chooses the account of a channel for a send. What is parked stays with its
// row's as long as that takes attempts.
func (s *Shard) account(channel string, it *item, now time.Time) (way Lane, code string) {
	m := it.Send
	here := it.channel == channel && it.account != ""
	inDoubt := (it.doubt != noDoubt || it.unknown > 0 && it.channel == channel) && !fault.Mutant(fault.FailoverWhileInDoubt)
	if here && (inDoubt || it.parked) {
		way := s.env.Lanes.Account(channel, it.account, m.App)
		if way != nil && (inDoubt || way.Health().Takes(now)) {
			return way, ""
		}
	}
	if inDoubt && !here {
		it.own = true
		return s.env.Lanes.Home(channel, m.App, m.To.Id)
	}
	way, it.own, code = s.env.Lanes.Choose(channel, m.App, m.To.Id, now)
	return way, code
}

// strays says whether a send would go by an account that nobody would know of.
func (it *item) strays(way Lane) bool {
	channel, account := way.Name()
	if fault.Mutant(fault.FailoverNotWritten) {
		return false
	}
	if it.parked && it.channel == channel && it.account != "" {
		return it.account != account
	}
	return !it.own
}

// divert writes by which account a send goes. Where that has no room for it, the
// send waits for its own.
func (s *Shard) divert(it *item, way Lane, now time.Time) {
	l := s.lineOf(way, it.Bulk)
	channel, account := way.Name()
	if !s.hasRoom(it, l) {
		home, _ := s.env.Lanes.Home(channel, it.Send.App, it.Send.To.Id)
		if !s.leftAlone(it, home, now) && s.underCaps(it, home, now) {
			s.enqueue(it, home, now)
		}
		return
	}
	it.channel, it.account = channel, account
	if !it.resent() {
		it.reason = why("provider", codeFailover)
	}
	s.leftMemory(it)
	s.write(l.name, it, now)
	s.env.Observer.Diverted(channel, account)
}

func (s *Shard) hasRoom(it *item, l *line) bool { return it.parked || s.room(l.name, l.bulk) > 0 }

// reroute gives what waits for an account that is not well to others.
func (s *Shard) reroute(l *line, now time.Time) {
	var moved []*item
	channel, _ := l.way.Name()
	l.keep(func(it *item) bool {
		way, _ := s.account(channel, it, now)
		if way == nil || way == l.way || !s.hasRoom(it, s.lineOf(way, it.Bulk)) {
			return true
		}
		moved = append(moved, it)
		return false
	})
	for _, it := range moved {
		s.leave(it)
		s.consider(it, now)
	}
}

// roomElsewhere returns how many of a line's rows may be loaded, to go by the other
// accounts of its channel that are well: as many as those soon take, beside what
// they have and what is on its way to them. The rest is this line's own again when
// its account is well before.
func (s *Shard) roomElsewhere(l *line, most int) int {
	room := most - s.loaded
	channel, _ := l.way.Name()
	for _, other := range s.inOrder {
		room += other.loaded // what is left of s.loaded is on its way
		if name, _ := other.way.Name(); name == channel && other.bulk == l.bulk && other != l && other.way.Health().State == lane.Closed {
			room -= s.env.Ledger.Parked(other.name) + s.env.Ledger.Parked(other.name+orderedRows)
		}
	}
	return max(0, room)
}
