package lane

import (
	"runtime"
	"time"
)

// pace says how many bulk attempts may be open while urgent ones come. Those that
// wait for a core, here or in the plugin, are in an urgent one's way; those that
// wait for the provider are in nobody's. The two are told apart as BBR does
// (Cardwell et al., ACM Queue 14(5), 2016): results by time, times the least that
// an attempt takes, are what the provider itself keeps open. Beyond that only so
// many may be open as keep the cores busy, and what they add shows in the results:
// for a slow provider it grows with each window, for busy cores it stays. The zero
// value has seen nothing. It is not for concurrent use.
type pace struct {
	since time.Time // this window's begin
	now   span      // this window
	last  span      // the one before
}

// span is what one window has seen.
type span struct {
	results int
	took    time.Duration // the least of an attempt
	inside  float64       // attempts that the provider kept open
}

const (
	paceWindow  = 250 * time.Millisecond
	bulkPerCore = 128 // at 10 µs of work each, 1.3 ms
)

// answered notes results, of which the first took the given time and none less.
func (p *pace) answered(now time.Time, results int, least time.Duration) {
	if over := now.Sub(p.since); over >= paceWindow {
		if p.now.results > 0 {
			p.now.inside = float64(p.now.results) * p.now.took.Seconds() / over.Seconds()
		}
		p.last, p.now, p.since = p.now, span{}, now
	}
	if p.now.results == 0 || least < p.now.took {
		p.now.took = least
	}
	p.now.results += results
}

// most is how many bulk attempts may be open.
func (p *pace) most() int { return bulkPerCore*runtime.GOMAXPROCS(0) + int(p.last.inside) }
