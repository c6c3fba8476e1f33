package shard

import (
	"math"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
)

// A channel that holds what is in doubt must never double a send, whatever
// becomes of this node. So each of its attempts is announced in `ledger` before
// it begins. Whoever owns the shard next finds what was announced and not
// settled, and holds exactly that. A node that has lost the shard can't announce:
// the broker refuses its writes, so it can start nothing.

// never is when a row that is open falls due: its owner has it in memory.
const never = math.MaxInt64

// announces says whether the item's attempts are announced. A provider that
// knows the send by its key doubles nothing.
func (s *Shard) announces(it *item, now time.Time) bool {
	return s.cfg.Policies[it.channel].Hold && !fault.Mutant(fault.HoldNotAnnounced) && !it.Send.TestMode && !knowsKey(it, it.line.way.About(), now)
}

// knowsKey says whether the provider still knows the send by its key, had it
// been tried as soon as it was accepted.
func knowsKey(it *item, about *lane.About, now time.Time) bool {
	return about.Idempotent && (about.Lifetime == 0 || fault.Mutant(fault.KeyForEver) || now.Sub(it.accepted) < about.Lifetime)
}

// announce writes the item as open; its attempt begins when that has landed.
func (s *Shard) announce(it *item) {
	it.open = true
	s.write(openQueue, it, time.UnixMilli(never))
	s.pend.opened = append(s.pend.opened, it)
	it.input, it.parked = noInput, true // the ledger has it from here on
}

// begin gives what is announced to the lanes, or puts it back where the shard
// stops meanwhile, or the account came to be left alone.
func (s *Shard) begin(opened []*item, now time.Time) {
	for _, it := range opened {
		s.live[it.key] = false
		if s.still() || s.halts != nil && s.stands(it, now) || s.suppressedSince(it, now) || it.outdone() || it.line.way.Health().Rests(now) {
			it.line.inLane--
			it.away = false
			s.neverBegan(it)
			if !s.unannounce(it, now) {
				s.putBack(it)
			}
			continue
		}
		it.line.way.Push([]*lane.Attempt{&it.Attempt})
	}
}

// putBack takes back an announcement: no attempt has begun.
func (s *Shard) putBack(it *item) {
	l := it.line
	it.made--
	it.open = false
	s.leave(it)
	s.leftMemory(it)
	now := s.env.Now()
	if h := l.way.Health(); h.Rests(now) {
		s.parkBroken(l, it, h, now)
		return
	}
	s.write(l.name, it, time.UnixMilli(max(now.UnixMilli(), it.comesAgain())))
}
