package lane

import (
	"runtime"
	"testing"
	"time"
)

// While urgent attempts come, a provider that takes its time gets as many bulk
// attempts at once as it has use for; what waits for the cores alone stays short.
func TestPace(t *testing.T) {
	base := bulkPerCore * runtime.GOMAXPROCS(0)
	for _, c := range []struct {
		name        string
		provider    time.Duration // what it takes for one
		capacity    float64       // attempts a second that all of it gets through
		least, most int           // open after 10 seconds
	}{
		{"a provider that answers at once, and busy cores", 100 * time.Microsecond, 100_000, base, base + base/4},
		{"a provider that takes 4 ms, and busy cores", 4 * time.Millisecond, 100_000, base, base + 500},
		{"one that takes 100 ms, and takes all", 100 * time.Millisecond, 1e9, 20 * base, 41 * base},
		{"one that takes 2 s, and takes 1,000 a second", 2 * time.Second, 1000, base + 500, base + 2000},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pace
			const step = 10 * time.Millisecond
			now := time.Unix(0, 0)
			open, due := 0, 0.0
			for range 10 * time.Second / step {
				now = now.Add(step)
				open = p.most()
				took := max(c.provider.Seconds(), float64(open)/c.capacity)
				if due += float64(open) / took * step.Seconds(); due < 1 {
					continue
				}
				// The first of a batch has waited for no core.
				p.answered(now, int(due), c.provider)
				due -= float64(int(due))
			}
			if open < c.least || open > c.most {
				t.Errorf("%d are open, want %d to %d", open, c.least, c.most)
			}
		})
	}
}

// After a rest it begins anew: what the provider once kept open is forgotten with
// the first results of another time.
func TestPaceAfterARest(t *testing.T) {
	var p pace
	now := time.Unix(0, 0)
	for range 100 {
		now = now.Add(10 * time.Millisecond)
		p.answered(now, 100, time.Second)
	}
	if p.most() < 5000 {
		t.Errorf("%d may be open of a provider that keeps 10,000", p.most())
	}
	p.answered(now.Add(time.Hour), 1, time.Millisecond)
	if base := bulkPerCore * runtime.GOMAXPROCS(0); p.most() > base+1 {
		t.Errorf("%d may be open an hour later, want %d", p.most(), base)
	}
}
