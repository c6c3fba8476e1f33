package shard

import (
	"math"
	"time"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// While an account is left alone nothing of it is loaded, and so nobody would see
// that a send has expired on disk. A search goes through its rows, a few at a time,
// and ends those. It knows when the next one expires, and rests until then.

const (
	// searchAtOnce bounds the rows of one step, searchStep is the pause behind it:
	// a million rows are gone through in minutes, at a few percent of a core.
	searchAtOnce = 256
	searchStep   = 50 * time.Millisecond
	// searchRest is the least time between two passes.
	searchRest = 5 * time.Second
)

// search is a pass through a line's rows.
type search struct {
	since   time.Time // of the health that it is for
	queue   int       // of rowsOf
	from    ledger.Cursor
	soonest int64     // expiry of what the pass has seen
	next    time.Time // when the next step is due
}

// begin forgets what was about an earlier time.
func (x *search) begin(h lane.Health) {
	if !x.since.Equal(h.Since) {
		*x = search{since: h.Since, soonest: math.MaxInt64}
	}
}

// notice is told when a send expires that is parked.
func (x *search) notice(expires int64) {
	x.soonest = min(x.soonest, expires)
	if at := time.UnixMilli(expires); x.next.After(at) {
		x.next = at
	}
}

// rowsOf are the queues that a line's rows stand in.
func rowsOf(l *line) [4]string {
	return [...]string{l.name, l.name + orderedRows, l.name + timeRows, l.name + timeRows + orderedRows}
}

// endExpired ends some of a line's parked sends that have expired, and returns how
// soon there may be more.
func (s *Shard) endExpired(l *line, h lane.Health, now time.Time) time.Duration {
	x := &l.search
	x.begin(h)
	if left := x.next.Sub(now); left > 0 {
		return left
	}
	queue := rowsOf(l)[x.queue]
	var over []*item
	more, err := s.env.Ledger.Walk(queue, &x.from, searchAtOnce, func(k send.Key, at ledger.Spot, value []byte) bool {
		if it := s.expired(k, value, at, now, x); it != nil {
			over = append(over, it)
		}
		return true
	})
	if err != nil {
		s.fail("look for parked sends that have expired", err)
	}
	x.step(more, now)
	for _, it := range over {
		s.consider(it, now)
	}
	return x.next.Sub(now)
}

// step goes on behind what was seen.
func (x *search) step(more bool, now time.Time) {
	if more {
		x.next = now.Add(searchStep)
		return
	}
	x.from = ledger.Cursor{}
	if x.queue++; x.queue < len(rowsOf(&line{})) {
		x.next = now
		return
	}
	x.queue, x.next = 0, now.Add(searchRest)
	if rest := time.UnixMilli(min(x.soonest, now.Add(time.Hour).UnixMilli())); rest.After(x.next) {
		x.next = rest
	}
	x.soonest = math.MaxInt64
}

// expired returns the send of a row that is over, and not in memory; nil if it is
// not.
func (s *Shard) expired(k send.Key, value []byte, at ledger.Spot, now time.Time, x *search) *item {
	if _, here := s.live[k]; here {
		return nil
	}
	var p ledgerv1.Parked
	if err := p.UnmarshalVT(value); err != nil {
		s.fail("read a parked send", err)
		return nil
	}
	it := unpark(k, &p)
	way, _, _ := s.route(it, now)
	if expires := s.expiry(it, way); expires > now.UnixMilli() {
		x.soonest = min(x.soonest, expires)
		return nil
	}
	it.row = at
	if s.rowInDoubt(at) && p.Turn != ledgerv1.Turn_TURN_BEHIND {
		it.doubt = mayBeOpen
	}
	if s.tooEarly(it, p.Turn) {
		return nil
	}
	s.live[k] = false
	return it
}
