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

// Take reserves up to n sends at now and returns how many may go, and how long
// to wait for the next one when that is fewer than n.
func (g *GCRA) Take(now time.Time, n int) (granted int, wait time.Duration) {
	if g.interval <= 0 {
		return n, 0
	}
	if g.next.Before(now) {
		g.next = now
	}
	free := now.Add(g.slack).Sub(g.next)
	if free < 0 {
		return 0, -free
	}
	granted = min(n, int(free/g.interval)+1)
	g.next = g.next.Add(g.interval * time.Duration(granted))
	if granted == n {
		return granted, 0
	}
	return granted, g.next.Sub(now.Add(g.slack))
}
