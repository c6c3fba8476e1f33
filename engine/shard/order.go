package shard

import (
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/send"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// Sends of one ordering key, to one recipient of one app and from one input, have
// their first attempts in the order of their records: the first of its chain may
// go, the others wait until that has had a result, or an end without one. A
// retry comes when it comes, and a scheduled send takes its place when it is due.
//
// Who waits, waits in memory, some of a chain, or parked: then it is due when it
// expires, and is made due when its turn comes. So a chain never holds more than
// its first in a line.

// mostBehind bounds those of a chain that wait in memory.
const mostBehind = 16

// orderedRows is the end of the name of a lane's queue of those that others
// wait for, or that wait for others, or that a newer one may replace: a new owner
// reads no other row to know the chains and the collapse keys.
const orderedRows = "/ordered"

// chain is the order of one key.
type chain struct {
	key     send.Key
	members []*member // by offset, but none before one that goes
	behind  int       // members in memory
	lookAt  time.Time // see patience.go; zero: it is not in watched
	watched int       // place there
}

// member is a send's place in a chain.
type member struct {
	chain  *chain
	offset int64
	key    send.Key // of the send
	input  int
	it     *item // nil where it is on disk
	place  place
	turn   ledgerv1.Turn // that its row has
	sleeps bool          // it is parked until quiet hours end, a cap opens, or its account is well
	passed bool          // its row was due, and could not be loaded yet
	doubt  doubt         // of such a row
	wait   *OrderWait    // how long it waits at most; nil is until it expires
	since  time.Time     // it has been the first, or has waited, since; zero where nobody asks
	behind int64         // one more than the offset of the one that it has waited for since; 0 is not known
}

// place is where a member is.
type place uint8

const (
	going  place = iota // its line, its lane, or it was announced
	behind              // in memory
	parkedFlying
	onDisk
	resting // held, until nobody can have an attempt under way
)

// orders is a shard's chains.
type orders struct {
	chains map[send.Key]*chain // of which somebody waits, or goes
	turns  []*chain            // whose first is another one
	waits  [2][]*item          // in memory, by input, the longest first; some no longer do
	early  [2][]*member        // rows behind offsets that are still to be admitted
	rests  []rest
	watched
}

// rest is a member that keeps its place for a while after its end.
type rest struct {
	*member
	until time.Time
}

// rest keeps the place of a send that is held: its attempt may go on until then.
func (s *Shard) rest(m *member, until time.Time) {
	m.it, m.place = nil, resting
	s.rests = append(s.rests, rest{m, until})
}

func (m *member) first() bool { return m.chain.members[0] == m }

// behindOthers says whether the item waits for its turn in memory.
func (it *item) behindOthers() bool { return it.member != nil && it.member.place == behind }

// turn is what a row of the item says.
func (it *item) turn() ledgerv1.Turn {
	switch {
	case it.skipped:
		return ledgerv1.Turn_TURN_SKIPPED
	case it.member == nil:
		return ledgerv1.Turn_TURN_UNSPECIFIED
	case it.member.first():
		return ledgerv1.Turn_TURN_FIRST
	default:
		return ledgerv1.Turn_TURN_BEHIND
	}
}

// hasTurn says whether a row has a place in a chain.
func hasTurn(p *ledgerv1.Parked) bool {
	return p.Turn == ledgerv1.Turn_TURN_FIRST || p.Turn == ledgerv1.Turn_TURN_BEHIND
}

// join gives an item with an ordering key its place, unless it was tried.
func (s *Shard) join(it *item) {
	if it.Send.OrderingKey == "" || fault.Mutant(fault.OrderIgnored) || it.member != nil || it.skipped || it.made > 0 && !it.ordered {
		return
	}
	m := s.place(it)
	if m.it, m.sleeps = it, false; m.place == onDisk {
		m.place = going
	}
	it.member = m
}

// place finds the member of an item, or makes one.
func (s *Shard) place(it *item) *member {
	k := chainKey(it)
	c := s.chains[k]
	if c == nil {
		c = &chain{key: k}
		s.chains[k] = c
	}
	for _, m := range c.members {
		if m.key == it.key {
			return m
		}
	}
	m := &member{chain: c, offset: it.offset, key: it.key, input: it.inputOf()}
	at := len(c.members)
	for at > 0 && c.members[at-1].offset > it.offset && c.members[at-1].place != going {
		at--
	}
	c.members = slices.Insert(c.members, at, m)
	if s.cfg.Ordering != nil {
		m.wait = s.cfg.Ordering.of(it.Send)
	}
	s.begins(m)
	return m
}

func chainKey(it *item) send.Key {
	return send.KeyOf(it.Send.App, it.Send.To.Id, "ub"[it.inputOf():][:1]+it.Send.OrderingKey)
}

// inputOf is the input that the item came in by, also once it was parked.
func (it *item) inputOf() int {
	if it.Bulk {
		return intake.Bulk
	}
	return intake.Urgent
}

// wait makes an item wait for its turn.
func (s *Shard) wait(it *item, way Lane, now time.Time) {
	it.channel, it.account = way.Name()
	m := it.member
	if it.parked || m.chain.behind >= mostBehind || m.chain.members[0].sleeps {
		s.parkBehind(it, now)
		return
	}
	it.since = now
	m.place = behind
	m.chain.behind++
	s.waits[it.input] = append(s.waits[it.input], it)
}

// sleep is for an item that is parked until its recipient's quiet hours end, another
// cap opens, or its account is well. Those behind it are parked too: in memory they
// would hold up the watermark as long.
func (s *Shard) sleep(it *item, now time.Time) {
	if it.member == nil {
		return
	}
	it.member.sleeps = true
	for _, m := range it.member.chain.members {
		if m.place == behind {
			s.parkBehind(m.it, now)
		}
	}
}

// parkBehind parks a send that waits for its turn.
func (s *Shard) parkBehind(it *item, now time.Time) {
	if it.member.place == behind {
		it.member.chain.behind--
	}
	it.reason = why("time", codeNotItsTurn)
	s.parkIn(queueName(it.channel, it.account, it.Bulk), it, time.UnixMilli(it.Expires), now)
}

// release takes an item out of its chain: it has had a result, or its end.
func (s *Shard) release(it *item) {
	it.skipped = false
	if m := it.member; m != nil {
		it.member, it.ordered = nil, false
		s.drop(m)
	}
}

func (s *Shard) drop(m *member) {
	c := m.chain
	if m.place == behind {
		c.behind--
	}
	if m.first() {
		s.turns = append(s.turns, c)
	}
	first := m.first()
	c.members = slices.DeleteFunc(c.members, func(other *member) bool { return other == m })
	switch {
	case len(c.members) == 0:
		delete(s.chains, c.key)
		s.unwatch(c)
	case first:
		s.begins(c.members[0])
	}
}

// write adds a row to the ledger. That of a member, or with a collapse key, goes to
// a queue of its own.
func (s *Shard) write(queue string, it *item, due time.Time) {
	if m := it.member; m != nil && queue != openQueue {
		if queue != heldQueue {
			m.keepWait()
			m.place, m.turn = parkedFlying, it.turn()
			s.pend.rows = append(s.pend.rows, m)
		}
		queue += orderedRows
	} else if it.Send.CollapseKey != "" && queue != openQueue {
		queue += orderedRows
	}
	if queue != openQueue {
		s.parkedVersion(it)
	}
	if err := s.pend.park(queue, it, due); err != nil {
		s.fail("encode a parked send", err)
	}
}
