// Package limit holds the rate limiters. They reserve and never sleep: the
// time is passed in, so a day of limiting runs in a test in milliseconds.
package limit

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
)

// GCRA is a generic cell rate limiter (ITU-T I.371): a token bucket whose whole
// state is one instant. It is not safe for concurrent use: its lane owns it.
// The zero value lets everything pass.
type GCRA struct {
	interval time.Duration // between two sends at the full rate; 0: no limit
	slack    time.Duration // how far ahead of that pace a burst may run
	next     time.Time     // theoretical arrival time of the next send
}

// NewGCRA limits to perSecond with bursts of at most burst. It starts with an
// empty bucket: what was sent just before a restart or a hand-over is not
// known here. perSecond 0 is no limit.
func NewGCRA(perSecond float64, burst int, now time.Time) *GCRA {
	g := &GCRA{}
	g.Set(perSecond, burst)
	g.next = now.Add(g.slack)
	if fault.Mutant(fault.FullBucket) {
		g.next = now
	}
	return g
}

// Set changes the rate and keeps what was used up.
func (g *GCRA) Set(perSecond float64, burst int) {
	if perSecond <= 0 {
		g.interval, g.slack = 0, 0
		return
	}
	g.interval = time.Duration(float64(time.Second) / perSecond)
	g.slack = g.interval * time.Duration(max(burst, 1)-1)
}

// Empty takes back what may be left of a burst: what others used of it before a
// hand-over is not known here.
func (g *GCRA) Empty(now time.Time) {
	if fault.Mutant(fault.FullBucket) {
		return
	}
	if at := now.Add(g.slack); g.next.Before(at) {
		g.next = at
	}
}

// Take reserves up to n sends at now and returns how many may go, and how long
// to wait for the next one when that is fewer than n.
func (g *GCRA) Take(now time.Time, n int) (granted int, wait time.Duration) {
	granted, wait = g.Free(now, n)
	g.Use(now, granted)
	if granted == 0 || granted == n {
		return granted, wait
	}
	return granted, g.next.Sub(now.Add(g.slack))
}

// Free returns how many of n sends may go at now, and how long to wait for the
// first one where none may.
func (g *GCRA) Free(now time.Time, n int) (free int, wait time.Duration) {
	if g.interval <= 0 {
		return n, 0
	}
	ahead := now.Add(g.slack).Sub(g.next)
	if g.next.Before(now) {
		ahead = g.slack
	}
	if ahead < 0 {
		return 0, -ahead
	}
	return min(n, int(ahead/g.interval)+1), 0
}

// Use reserves n sends that Free has granted at now.
func (g *GCRA) Use(now time.Time, n int) {
	if g.next.Before(now) {
		g.next = now
	}
	g.next = g.next.Add(g.interval * time.Duration(n))
}

// At returns when a send may go with n others before it, now or later.
func (g *GCRA) At(now time.Time, n int) time.Time {
	if g.interval <= 0 {
		return now
	}
	at := now
	if g.next.Add(-g.slack).After(now) {
		at = g.next.Add(-g.slack)
	}
	return at.Add(g.interval * time.Duration(n))
}

// Interval is the time between two sends at the full rate; 0 is no limit.
func (g *GCRA) Interval() time.Duration { return g.interval }

// Idle says whether it has forgotten all that it let pass: a new one that was
// emptied long ago would do as well.
func (g *GCRA) Idle(now time.Time) bool { return g.interval <= 0 || !g.next.After(now) }
