package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTake(t *testing.T) {
	type step struct {
		at      time.Duration
		n       int
		granted int
		wait    time.Duration
	}
	for _, c := range []struct {
		name  string
		rate  float64
		burst int
		steps []step
	}{
		{"no limit lets everything pass", 0, 1, []step{{0, 1000, 1000, 0}}},
		{"starts empty: a burst of 1 has one token at once", 10, 1, []step{{0, 3, 1, 100 * time.Millisecond}}},
		{"starts empty: a burst of 5 is earned first", 10, 5, []step{
			{0, 5, 1, 100 * time.Millisecond},
			{time.Second, 9, 5, 100 * time.Millisecond},
		}},
		{"keeps the pace", 10, 1, []step{
			{0, 1, 1, 0},
			{50 * time.Millisecond, 1, 0, 50 * time.Millisecond},
			{100 * time.Millisecond, 1, 1, 0},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewGCRA(c.rate, c.burst, start)
			for i, s := range c.steps {
				granted, wait := g.Take(start.Add(s.at), s.n)
				if granted != s.granted || wait != s.wait {
					t.Fatalf("step %d: granted %d wait %v, want %d %v", i, granted, wait, s.granted, s.wait)
				}
			}
		})
	}
}

// In any window w: sends <= rate*w + burst.
func TestNeverAboveTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.5, 5000).Draw(t, "rate")
		burst := rapid.IntRange(1, 100).Draw(t, "burst")
		g := NewGCRA(rate, burst, start)
		now := start
		type grant struct {
			at time.Time
			n  int
		}
		var grants []grant
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(t, "gap")))
			n, wait := g.Take(now, rapid.IntRange(1, 300).Draw(t, "n"))
			if n == 0 && wait <= 0 {
				t.Fatal("nothing granted and nothing to wait for")
			}
			grants = append(grants, grant{now, n})
		}
		for i := range grants {
			sum := 0
			for _, later := range grants[i:] {
				sum += later.n
				w := later.at.Sub(grants[i].at)
				if most := rate*w.Seconds() + float64(burst) + 1e-3*float64(burst) + 0.01; float64(sum) > most {
					t.Fatalf("%d sends in %v at %g/s burst %d", sum, w, rate, burst)
				}
			}
		}
	})
}

func BenchmarkTake(b *testing.B) {
	g := NewGCRA(1e6, 1000, start)
	now := start
	for b.Loop() {
		now = now.Add(time.Microsecond)
		g.Take(now, 1)
	}
}
