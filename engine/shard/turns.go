package shard

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/send"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// When the turn of a chain's next member comes, and the rows of those that wait
// on disk.

// takeTurns lets go those whose turn has come, and returns when the next one's
// comes by itself.
func (s *Shard) takeTurns(now time.Time) time.Duration {
	wait := min(s.endRests(now), s.endWaits(now))
	for i := range s.early {
		next := s.inputs[i].tracker.next
		for len(s.early[i]) > 0 && s.early[i][0].offset < next {
			s.turns = append(s.turns, s.early[i][0].chain)
			s.early[i] = s.early[i][1:]
		}
	}
	for len(s.turns) > 0 {
		c := s.turns[len(s.turns)-1]
		s.turns = s.turns[:len(s.turns)-1]
		if len(c.members) == 0 {
			continue
		}
		switch m := c.members[0]; {
		case m.place == behind:
			m.place = going
			c.behind--
			s.consider(m.it, now)
		case m.place == onDisk && !s.admitted(m):
			s.postpone(m)
		case m.place == onDisk:
			s.promote(m, now)
		}
	}
	return wait
}

func (s *Shard) endRests(now time.Time) time.Duration {
	wait := time.Hour
	s.rests = slices.DeleteFunc(s.rests, func(r rest) bool {
		if left := r.until.Sub(now); left > 0 {
			wait = min(wait, left)
			return false
		}
		s.drop(r.member)
		return true
	})
	return wait
}

// admitted says whether all that could come before a member has been read.
func (s *Shard) admitted(m *member) bool { return m.offset < s.inputs[m.input].tracker.next }

// postpone keeps a member's turn until what could come before it has been read.
func (s *Shard) postpone(m *member) {
	early := s.early[m.input]
	at, _ := slices.BinarySearchFunc(early, m, func(a, b *member) int { return cmp.Compare(a.offset, b.offset) })
	s.early[m.input] = slices.Insert(early, at, m)
}

// promote makes a row due whose turn has come.
func (s *Shard) promote(m *member, now time.Time) {
	if m.turn == ledgerv1.Turn_TURN_FIRST && !m.passed {
		return // it is loaded when it falls due
	}
	value, err := s.env.Ledger.Get(m.key)
	var p ledgerv1.Parked
	if err == nil {
		err = p.UnmarshalVT(value)
	}
	if err != nil {
		s.fail("read a send whose turn it is", err)
		return
	}
	it := unpark(m.key, &p)
	it.member, m.it = m, it
	it.doubt = max(it.doubt, m.doubt)
	due := now
	if m.turn == ledgerv1.Turn_TURN_FIRST {
		due = time.UnixMilli(max(p.DueMs, now.UnixMilli()))
	}
	s.live[m.key] = false // or it might be loaded while it flies
	m.passed, m.doubt = false, noDoubt
	s.write(strings.TrimSuffix(queueOf(&p), orderedRows), it, due)
}

// landedRow is for a member whose row is on disk now.
func (s *Shard) landedRow(m *member) {
	m.it, m.place = nil, onDisk
	if m.turn == ledgerv1.Turn_TURN_BEHIND && m.first() {
		s.turns = append(s.turns, m.chain)
	}
}

// tooEarly says whether a row that is due must not be loaded yet: what comes
// before it may still be read again. It is made due once that was.
func (s *Shard) tooEarly(it *item, turn ledgerv1.Turn) bool {
	if turn != ledgerv1.Turn_TURN_FIRST || it.offset < s.inputs[it.inputOf()].tracker.next {
		return false
	}
	m := s.place(it)
	m.passed, m.doubt = true, max(m.doubt, it.doubt)
	s.postpone(m)
	return true
}

// recall makes the chains of what is parked, as a new owner.
func (s *Shard) recall() {
	if fault.Mutant(fault.OrderNotRecalled) {
		return
	}
	s.env.Ledger.Queues(func(queue string, _ int, _ int64) {
		if !strings.HasSuffix(queue, orderedRows) {
			return
		}
		err := s.env.Ledger.Rows(queue, func(k send.Key, value []byte) {
			var p ledgerv1.Parked
			if err := p.UnmarshalVT(value); err != nil {
				s.fail("read a send of an ordering key", err)
				return
			}
			it := unpark(k, &p)
			s.recallVersion(it)
			if !hasTurn(&p) {
				return
			}
			m := s.place(it)
			s.recallWait(m, &p)
			m.sleeps = !p.Held && slices.Contains([]string{codeQuietHours, codePaused, codeBreakerOpen, codeCapped}, p.Reason.GetCode())
			if m.place, m.turn = onDisk, p.Turn; p.Held {
				// It is in doubt since it was parked, and not since this shard was made.
				since := time.UnixMilli(p.DueMs).Add(-s.cfg.Policies[p.Channel].HoldFor)
				until := s.openUntil(p.Channel, p.Send.App)
				if before := since.Add(until.Sub(s.cfg.TakenOver)); before.Before(until) {
					until = before
				}
				s.rest(m, until)
			}
			if len(m.chain.members) == 1 {
				s.turns = append(s.turns, m.chain)
			}
		})
		if err != nil {
			s.fail("read the sends of ordering keys", err)
		}
	})
}
