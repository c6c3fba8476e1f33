package load

import (
	"fmt"
	"time"

	"github.com/carillonhq/carillon/bench/report"
)

// keepup says whether a flow's sends end at the rate at which they are due. If
// not, what each waits is the length of a queue, which grows as long as the flow
// goes on, and no latency.
type keepup struct {
	rate float64
	n    int64
	// bound is how many may be due and not have ended before there is no point in
	// going on.
	bound int64
	// half and end are how many that were in the middle of the flow and when its
	// last send was due; -1 is not yet.
	half, end int64
	gaveUp    time.Duration // 0: it did not
}

// newKeepup takes how long a provider may need for an answer, when all is well.
func newKeepup(n int, rate float64, answer time.Duration) *keepup {
	length := time.Duration(float64(n) / rate * float64(time.Second))
	waits := max(3*time.Second, min(length/10, time.Minute)) + 2*answer
	return &keepup{rate: rate, n: int64(n), bound: int64(rate * waits.Seconds()), half: -1, end: -1}
}

// hopeless takes how many sends have ended some time after the first was due. It
// is true once.
func (k *keepup) hopeless(at time.Duration, ended int64) bool {
	due := min(k.n, int64(k.rate*at.Seconds())+1)
	behind := due - ended
	if due >= k.n/2 && k.half < 0 {
		k.half = behind
	}
	if due == k.n && k.end < 0 {
		k.end = behind
	}
	if k.gaveUp > 0 || behind <= k.bound {
		return false
	}
	k.gaveUp = at
	return true
}

// lost says that the flow was too fast: it was given up, or what waited grew in
// its second half by a second's sends and by 2 % of that half's.
func (k *keepup) lost() bool {
	return k.gaveUp > 0 || k.end-k.half > max(int64(k.rate), k.n/100)
}

// reached says whether a flow's latency is one. Where it is not, the run has
// failed. which is the flow's name where there are several.
func (f *flow) reached(r *report.Result, which string, p *passed) bool {
	if !f.keepup.lost() {
		return true
	}
	when := "they fell behind more and more"
	if f.keepup.gaveUp > 0 {
		when = fmt.Sprintf("given up after %v", f.keepup.gaveUp.Round(100*time.Millisecond))
	}
	r.Fail(fmt.Sprintf("%sthe rate was not reached: %.6g sends a second were due, %.6g were published, and %.6g ended (%s). "+
		"A latency would be the length of the queue, so there is none: give a --rate below that",
		which, f.rate, f.offered(), p.rate(), when))
	return false
}

// offered is how many sends a second the producer published.
func (f *flow) offered() float64 {
	return float64(f.handed.Load()) / f.publishing.Seconds()
}
