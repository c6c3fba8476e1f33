package shard

import (
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// pausedRows is the end of the name of a lane's queue of those that an operator
// has paused. They are due when they expire.
const pausedRows = "/paused"

func isPaused(queue string) bool {
	return strings.HasSuffix(strings.TrimSuffix(queue, orderedRows), pausedRows)
}

// walk is the way through rows of the ledger that have no time: a few in each
// turn, so that everything else goes on.
type walk struct {
	on     bool
	after  *flight  // it begins when this has landed: rows of it are to be seen
	queues []string // that are left; the first one is under way. nil until it begins
	cursor ledger.Cursor
	tenant string // whose part of the first queue is under way
	passed int    // rows of the part that is under way, as rowInDoubt counts them, that stay
}

// begin starts from the beginning, behind what is on its way to Kafka.
func (w *walk) begin(s *Shard) {
	*w = walk{on: true}
	switch {
	case !s.pend.empty():
		w.after = s.pend
	case len(s.flying) > 0:
		w.after = s.flying[len(s.flying)-1]
	}
}

// landed is told of each flight.
func (w *walk) landed(f *flight) {
	if w.after == f {
		w.after = nil
	}
}

const (
	// rowsAtOnce bounds the rows that a turn looks at: less than a millisecond's.
	rowsAtOnce = 128
	// changesAtOnce bounds the sends that are changed before Kafka has the changes.
	changesAtOnce = 1024
)

// step looks at the next rows of those queues that are picked. see says whether to
// go on. It returns how long it has nothing to do.
func (s *Shard) step(w *walk, pick func(queue string) bool, see func(it *item, p *ledgerv1.Parked) bool) time.Duration {
	if !w.on || w.after != nil || len(s.pend.batch.Entries)+len(s.pend.batch.Park) >= changesAtOnce {
		return time.Hour // what lands begins another turn
	}
	if w.queues == nil {
		w.queues = []string{}
		s.env.Ledger.Queues(func(queue string, _ int, _ int64) {
			if queue != openQueue && pick(queue) {
				w.queues = append(w.queues, queue)
			}
		})
		slices.Sort(w.queues)
	}
	if len(w.queues) == 0 {
		*w = walk{}
		return time.Hour
	}
	queue, stopped := w.queues[0], false
	more, err := s.env.Ledger.Walk(queue, &w.cursor, rowsAtOnce, func(k send.Key, at ledger.Spot, value []byte) bool {
		if at.Tenant != w.tenant {
			w.tenant, w.passed = at.Tenant, 0
		}
		if _, here := s.live[k]; here {
			return true
		}
		var p ledgerv1.Parked
		if err := p.UnmarshalVT(value); err != nil {
			s.fail("read a parked send", err)
			return false
		}
		it := unpark(k, &p)
		it.row = at
		stopped = !see(it, &p)
		return !stopped
	})
	if err != nil {
		s.fail("read parked sends", err)
	}
	if !more && !stopped {
		w.queues, w.cursor, w.passed = w.queues[1:], ledger.Cursor{}, 0
	}
	if stopped {
		return askAgain
	}
	return 0
}

// walkRows goes on with what is to be done with parked sends, and returns how long
// that is nothing.
func (s *Shard) walkRows(now time.Time) time.Duration {
	if !s.ending.on && !s.waking.on {
		return time.Hour
	}
	wait := s.step(&s.ending, func(string) bool { return true }, func(it *item, p *ledgerv1.Parked) bool {
		s.endRow(it, p, now)
		return true
	})
	if !s.ending.on {
		for _, t := range s.tallies {
			t.swept = true
		}
	}
	return min(wait, s.step(&s.waking, isPaused, func(it *item, _ *ledgerv1.Parked) bool { return s.wake(it, now) }))
}

// unswept says whether there is a cancel for which nothing has gone through what
// is parked.
func (s *Shard) unswept() bool {
	for _, t := range s.tallies {
		if !t.swept {
			return true
		}
	}
	return false
}

// endRow ends a parked send that is canceled.
func (s *Shard) endRow(it *item, p *ledgerv1.Parked, now time.Time) {
	doubtful, counts := s.walkedDoubt(it.row, p)
	if s.halts == nil || s.cancelOf(it, now) == nil {
		if counts {
			s.ending.passed++
		}
		return
	}
	if counts {
		s.passRow(it.row)
	}
	if doubtful {
		it.doubt = mayBeOpen
	}
	if it.ordered && !it.held { // one that is held gave its place up, or rests in it
		s.join(it)
	}
	way, _, _ := s.route(it, now)
	it.held = false
	s.live[it.key] = false // or it might be loaded meanwhile
	s.canceled(it, way, now)
}

// walkedDoubt says whether a former owner may have tried a row that was not
// loaded, as rowInDoubt does of one that is, and whether it counts for that.
func (s *Shard) walkedDoubt(at ledger.Spot, p *ledgerv1.Parked) (doubtful, counts bool) {
	counts = at.Due <= s.doubtDue()
	if p.Turn == ledgerv1.Turn_TURN_BEHIND || !s.rowInDoubt(at) {
		return false, counts
	}
	found := s.cfg.Found[0].Parked
	d := s.doubted[partOf(at)]
	return d.rows+s.ending.passed < found || d.due == at.Due, counts
}

// wake makes a send due that is paused no more, and says whether to go on: as many
// are on their way as their lane soon takes, so that they come back no faster than
// they go.
func (s *Shard) wake(it *item, now time.Time) bool {
	if s.halts != nil && s.halts.paused(it, it.channel, it.account) != nil {
		return true
	}
	if len(s.woken) >= s.cfg.Quota {
		return false
	}
	if it.ordered {
		s.join(it)
	}
	s.woken[it.key] = true
	s.live[it.key] = false
	it.reason = why(ClassOperator, codeResumed)
	s.write(queueName(it.channel, it.account, it.Bulk), it, now)
	return true
}
