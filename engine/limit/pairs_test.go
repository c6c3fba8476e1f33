package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whenever an attempt begins between the two moments that are known of it, each pair
// keeps to its rate, and no other waits for it.
func TestPairsWheneverAttemptsBegin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const interval = 6 * time.Second
		burst := rapid.IntRange(1, 4).Draw(t, "burst")
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		p := NewPairs(1/interval.Seconds(), burst, now)
		var open []uint64
		var given []time.Time
		began := map[uint64][]time.Time{}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 8000).Draw(t, "milliseconds")) * time.Millisecond)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				k := rapid.Uint64Range(1, 2).Draw(t, "pair")
				if wait := p.Begin(k, now); wait < 0 {
					t.Fatal(wait)
				} else if wait == 0 {
					open, given = append(open, k), append(given, now)
				}
			case 2, 3:
				if len(open) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(open)-1).Draw(t, "of")
				k := open[i]
				if rapid.IntRange(0, 4).Draw(t, "returned") == 0 {
					p.Return(k)
				} else {
					after := rapid.Float64Range(0, 1).Draw(t, "began")
					began[k] = append(began[k], given[i].Add(time.Duration(after*float64(now.Sub(given[i])))))
					p.Done(k, now)
				}
				open, given = append(open[:i], open[i+1:]...), append(given[:i], given[i+1:]...)
			}
		}
		for k, all := range began {
			for i, first := range all {
				n := 0
				for _, at := range all {
					if !at.Before(first) && at.Sub(first) <= interval*3 {
						n++
					}
				}
				if n > burst+3 {
					t.Fatalf("pair %d: %d in 18s, burst %d: %d of %v", k, n, burst, i, all)
				}
			}
		}
	})
}

// Those that wait are told one time each, an interval apart, and go then.
func TestPairsSpreadThoseThatWait(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := NewPairs(1.0/6, 1, now.Add(-time.Hour))
	if wait := p.Begin(1, now); wait != 0 {
		t.Fatal(wait)
	}
	for i := range 3 {
		if wait := p.Begin(1, now); wait != time.Duration(i+1)*6*time.Second {
			t.Errorf("%d waits %v", i, wait)
		}
	}
	if wait := p.Begin(2, now); wait != 0 {
		t.Errorf("another pair waits %v", wait)
	}
	p.Done(1, now)
	if wait := p.Begin(1, now.Add(6*time.Second)); wait != 0 {
		t.Errorf("it waits %v after its time", wait)
	}
}

// A burst goes at once, but not right after a hand-over: then one does.
func TestPairsBurst(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		since time.Duration
		want  int
	}{{0, 1}, {6 * time.Second, 2}, {time.Hour, 3}} {
		p, n := NewPairs(1.0/6, 3, now.Add(-c.since)), 0
		for p.Begin(1, now) == 0 {
			n++
		}
		if n != c.want {
			t.Errorf("%d went at once %v after the hand-over, want %d", n, c.since, c.want)
		}
	}
}

// A pair is held while its bucket is not full, and no longer.
func TestPairsAreForgotten(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := NewPairs(1.0/6, 1, now.Add(-time.Hour))
	for i := range uint64(100_000) {
		now = now.Add(time.Millisecond)
		if p.Begin(i, now) != 0 {
			t.Fatal(i)
		}
		p.Done(i, now)
	}
	if len(p.pairs) > 14_000 { // 6000 are not full
		t.Errorf("%d pairs are held", len(p.pairs))
	}
}

// BenchmarkPairs is what an attempt costs, each of another pair.
func BenchmarkPairs(b *testing.B) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := NewPairs(1.0/6, 1, now)
	i := uint64(0)
	for b.Loop() {
		now = now.Add(10 * time.Microsecond)
		i++
		p.Begin(i*0x9e3779b97f4a7c15, now)
		p.Done(i*0x9e3779b97f4a7c15, now)
	}
}
