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
	// behind is how many that were when half of the flow was due, three quarters,
	// and all of it: as many as there are so far.
	behind []int64
	gaveUp time.Duration // 0: it did not
}

// newKeepup takes how long a provider may need for an answer, when all is well.
func newKeepup(n int, rate float64, answer time.Duration) *keepup {
	length := time.Duration(float64(n) / rate * float64(time.Second))
	waits := max(3*time.Second, min(length/10, time.Minute)) + 2*answer
	return &keepup{rate: rate, n: int64(n), bound: int64(rate * waits.Seconds())}
}

// hopeless takes how many sends have ended some time after the first was due. It
// is true once.
func (k *keepup) hopeless(at time.Duration, ended int64) bool {
	due := min(k.n, int64(k.rate*at.Seconds())+1)
	behind := due - ended
	if seen := int64(len(k.behind)); seen < 3 && due >= k.n*(2+seen)/4 {
		k.behind = append(k.behind, behind)
	}
	if k.gaveUp > 0 || behind <= k.bound {
		return false
	}
	k.gaveUp = at
	return true
}

// lost says that the flow was too fast: it was given up, or what waited grew in
// each of its last two quarters by the sends of half a second, and by 2 % of the
// quarter's. A stall makes it grow in one, and a flow that is short in none.
func (k *keepup) lost() bool {
	if k.gaveUp > 0 || len(k.behind) < 3 {
		return k.gaveUp > 0
	}
	much := max(int64(k.rate/2), k.n/200)
	return k.behind[1]-k.behind[0] > much && k.behind[2]-k.behind[1] > much
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
