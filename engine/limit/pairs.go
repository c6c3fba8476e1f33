package limit

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
)

// Pairs limits each of many pairs, such as a recipient and an account, to one rate,
// by the generic cell rate algorithm. Who asks does not know when exactly an attempt
// begins, only when it was given away and when its result came. So an attempt counts
// for the whole of that time: the rate holds whenever it began.
//
// A pair is held for as long as an attempt is open or its bucket is not full. The
// time is passed in. It is not safe for concurrent use.
type Pairs struct {
	interval, slack time.Duration
	since           int64 // buckets were empty then
	pairs           map[uint64]pair
	sweepAt         int // pairs
}

// pair times are Unix nanoseconds.
type pair struct {
	next   int64 // when the next could go, were there no burst
	spread int64 // until when those that wait have been told to
	open   int32
}

const leastSweep = 1024

// NewPairs limits each pair to perSecond, above 0, with bursts of at most burst. All
// buckets are empty at now but for one attempt: what went just before is not known.
func NewPairs(perSecond float64, burst int, now time.Time) *Pairs {
	p := &Pairs{interval: time.Duration(float64(time.Second) / perSecond), pairs: map[uint64]pair{}, sweepAt: leastSweep}
	p.slack = p.interval * time.Duration(max(burst, 1)-1)
	p.since = now.Add(p.slack).UnixNano()
	return p
}

// Begin opens an attempt, which must be closed by Done or Return. Where it is too
// soon for one it opens none and says how long to wait: each that asks is told
// another time, an interval after the one before.
func (p *Pairs) Begin(k uint64, now time.Time) (wait time.Duration) {
	at := now.UnixNano()
	x, held := p.pairs[k]
	if !held {
		p.sweep(at)
		x.next = p.since
	}
	open := int64(x.open)
	if fault.Mutant(fault.PairAtOnce) {
		open = 0
	}
	next := max(x.next, at) + open*int64(p.interval)
	if free := next - int64(p.slack); free > at {
		x.spread = max(free, x.spread+int64(p.interval))
		p.pairs[k] = x
		return time.Duration(x.spread - at)
	}
	x.open++
	p.pairs[k] = x
	return 0
}

// Done closes an attempt that has had its result.
func (p *Pairs) Done(k uint64, now time.Time) {
	x := p.pairs[k]
	x.open--
	x.next = max(x.next, now.UnixNano()) + int64(p.interval)
	p.pairs[k] = x
}

// Return closes an attempt that never began.
func (p *Pairs) Return(k uint64) {
	x := p.pairs[k]
	x.open--
	p.pairs[k] = x
}

// sweep forgets the pairs whose buckets are full, once there are twice as many as
// were left the last time.
func (p *Pairs) sweep(at int64) {
	if len(p.pairs) < p.sweepAt {
		return
	}
	left := make(map[uint64]pair, leastSweep)
	for k, x := range p.pairs {
		if x.open > 0 || max(x.next, x.spread, p.since) > at {
			left[k] = x
		}
	}
	p.pairs, p.sweepAt = left, max(leastSweep, 2*len(left))
}
