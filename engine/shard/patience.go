package shard

import (
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// Sends wait for the first of their ordering key for so long at most. Then it is
// passed over, and those behind it go on in their order; or the one that waits ends.
// The wait counts from when it waits and that one is the first; rows say so, so that
// it goes on under a new owner. An attempt that is under way, here or at a former
// owner, is waited for: its deadline ends it.

// Ordering is for how long sends wait for the first of their key. It is read only.
type Ordering struct {
	// Apps are the waits by app and class. AnyApp is every app that has no entry; a
	// class without one waits until the send expires.
	Apps map[string]map[carillonv1.Class]*OrderWait
}

// OrderWait is the longest wait, and what follows.
type OrderWait struct {
	Longest time.Duration
	// Expire ends the send that waits, instead of passing the first over.
	Expire bool
}

func (o *Ordering) of(m *carillonv1.Send) *OrderWait {
	app, ok := o.Apps[m.App]
	if !ok {
		app = o.Apps[AnyApp]
	}
	return app[m.Class]
}

const (
	// longestUnsaved is for how long a wait may be known to memory alone, or a
	// quarter of the longest wait: so much of it a crash may forget.
	longestUnsaved = time.Minute
	// lookAgain is how soon a chain is looked at again whose first can't be passed
	// over yet.
	lookAgain = time.Second
	// looksAtOnce bounds the chains that one turn looks at.
	looksAtOnce = 64
)

// begins notes since when a member is the first, or waits.
func (s *Shard) begins(m *member) {
	if s.cfg.Ordering == nil {
		return
	}
	m.since, m.behind = s.env.Now(), 0
	switch {
	case len(m.chain.members) == 1:
	case m.first():
		s.watch(m.chain, m.since.Add(lookAgain))
	case m.wait != nil:
		s.watch(m.chain, m.since.Add(m.wait.unsaved()))
	}
}

func (w *OrderWait) unsaved() time.Duration { return min(longestUnsaved, w.Longest/4) }

// waitsSince is since when a member waits for the present first of its chain.
func (m *member) waitsSince() time.Time {
	first := m.chain.members[0]
	if m.behind == first.offset+1 || m.since.After(first.since) {
		return m.since
	}
	return first.since
}

// until is when a member has waited for too long; the zero time is never.
func (m *member) until() time.Time {
	if m.wait == nil || m.first() || m.place == going || m.place == resting {
		return time.Time{}
	}
	return m.waitsSince().Add(m.wait.Longest)
}

// keepWait has the row that is about to be written say since when its send waits.
func (m *member) keepWait() {
	if m.wait != nil && !m.first() {
		m.since, m.behind = m.waitsSince(), m.chain.members[0].offset+1
	}
}

// recallWait learns that from a row.
func (s *Shard) recallWait(m *member, p *ledgerv1.Parked) {
	if s.cfg.Ordering == nil || p.TurnMs == 0 || fault.Mutant(fault.OrderWaitForgotten) {
		return
	}
	m.since, m.behind = time.UnixMilli(p.TurnMs), p.TurnBehind
	s.watch(m.chain, s.env.Now())
}

// endWaits ends what has lasted too long, and returns how long nothing else does.
func (s *Shard) endWaits(now time.Time) time.Duration {
	for range looksAtOnce {
		if len(s.watched) == 0 {
			return time.Hour
		}
		if left := s.watched[0].lookAt.Sub(now); left > 0 {
			return left
		}
		s.look(heap.Pop(&s.watched).(*chain), now)
	}
	return 0
}

// look goes through a chain.
func (s *Shard) look(c *chain, now time.Time) {
	next, skip := now.Add(time.Hour), false
	for _, m := range slices.Clone(c.members) {
		at := m.until()
		switch {
		case at.IsZero():
			continue
		case now.Before(at):
			at = s.saveWait(m, at, now)
		case !m.wait.Expire:
			skip = true
			continue
		case s.outwait(m, now):
			continue
		default:
			at = now.Add(lookAgain)
		}
		if at.Before(next) {
			next = at
		}
	}
	if skip {
		s.skip(c.members[0], now)
		next = now.Add(lookAgain)
	}
	if len(c.members) > 1 {
		s.watch(c, next)
	}
}

// saveWait parks who has waited in memory for some time, and returns when to look
// at it again.
func (s *Shard) saveWait(m *member, until, now time.Time) time.Time {
	if m.place != behind {
		return until
	}
	at := m.waitsSince().Add(m.wait.unsaved())
	if now.Before(at) {
		return at
	}
	s.parkBehind(m.it, now)
	return until
}

// outwait ends a send that has waited for too long, and says whether it has.
func (s *Shard) outwait(m *member, now time.Time) bool {
	it := m.it
	switch {
	case len(s.pend.batch.Entries) >= changesAtOnce:
		return false
	case m.place == onDisk && m.turn == ledgerv1.Turn_TURN_BEHIND:
		p := s.rowOf(m)
		if p == nil {
			return false
		}
		it = unpark(m.key, p)
		s.join(it)
		s.live[m.key] = false // or it might be loaded meanwhile
	case m.place != behind:
		return false
	}
	way, _, _ := s.route(it, now)
	s.wasPerhapsTried(it, way)
	s.env.Observer.OrderWait("expire")
	s.expireFor(it, codeOrderWait, now)
	return true
}

// rowOf reads the row of a member that is on disk; nil where something else is
// about to change it.
func (s *Shard) rowOf(m *member) *ledgerv1.Parked {
	if _, here := s.live[m.key]; here {
		return nil
	}
	value, err := s.env.Ledger.Get(m.key)
	var p ledgerv1.Parked
	if err == nil {
		err = p.UnmarshalVT(value)
	}
	if err != nil {
		s.fail("read a send of an ordering key", err)
		return nil
	}
	if value == nil || p.Held || p.Open {
		return nil
	}
	return &p
}

// skip takes the first of a chain out of it, unless an attempt of it may be under
// way. It goes when it can, in no order.
func (s *Shard) skip(m *member, now time.Time) {
	switch it := m.it; {
	case m.place == going && it.line != nil:
		if it.doubt != noDoubt && now.Before(s.openUntil(it.channel, it.Send.App)) || s.atPlugin(it) {
			return
		}
		s.release(it)
		it.skipped = true
		s.saySkipped(it, time.UnixMilli(max(now.UnixMilli(), it.NotBefore)), now)
	case m.place == onDisk && m.turn == ledgerv1.Turn_TURN_FIRST && !m.passed && s.admitted(m):
		s.skipRow(m, now)
	}
}

// atPlugin says whether an attempt of an item is under way.
func (s *Shard) atPlugin(it *item) (is bool) {
	if it.away && !fault.Mutant(fault.OrderSkipsUnderWay) {
		it.line.way.AtPlugin(s, func(a *lane.Attempt) { is = is || a == &it.Attempt })
	}
	return is
}

// skipRow does it with one that is parked. A former owner may have loaded it.
func (s *Shard) skipRow(m *member, now time.Time) {
	if s.waking.on || s.ending.on {
		return // a row that moves now might come to where the walk has been already
	}
	p := s.rowOf(m)
	if p == nil || now.Before(s.openUntil(p.Channel, p.Send.App)) {
		return
	}
	it, queue := unpark(m.key, p), queueOf(p)
	if s.rowInDoubt(spotOf(queue, p.Send.App, p.DueMs)) {
		it.doubt = mayBeOpen
	}
	it.ordered, it.skipped = false, true
	s.live[m.key] = false // or it might be loaded while it flies
	s.drop(m)
	due := time.UnixMilli(max(p.DueMs, now.UnixMilli()))
	s.saySkipped(it, due, now)
	s.write(strings.TrimSuffix(queue, orderedRows), it, due)
}

// saySkipped publishes that a send has lost its place. Why it waits stays as it is.
func (s *Shard) saySkipped(it *item, due, now time.Time) {
	was, made := it.reason, it.made
	if it.reason = why("time", codeOrderSkipped); it.away {
		it.made-- // its own has not begun
	}
	e := it.event(&s.scratch, carillonv1.State_STATE_PARKED, now)
	e.NextAt = setTime(&s.scratch.to, due)
	s.pend.status(it, e, s.cfg.Protobuf)
	it.reason, it.made = was, made
	s.env.Observer.OrderWait("skip")
}
