package limit

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whoever owns which shards, and however late each is, nodes together send at the
// rate: no more in any second, and no less over time.
func TestSlotsOfSeveralNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const rate, lasts = 10, 60
		shards := rapid.IntRange(1, 40).Draw(t, "shards")
		nodes := rapid.IntRange(1, 4).Draw(t, "nodes")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		own := make([][]bool, nodes)
		for n := range own {
			own[n] = make([]bool, shards)
		}
		for i := range shards {
			own[random.IntN(nodes)][i] = true
		}
		var all []*Slots
		for n := range nodes {
			all = append(all, NewSlots(rate, 1, 12345, own[n], start))
		}
		var at []time.Duration
		for ms := range lasts * 1000 {
			now := start.Add(time.Duration(ms) * time.Millisecond)
			for _, s := range all {
				if random.IntN(2) == 0 && !s.At(now, 0).After(now) { // it is late by some ms
					s.Use(now)
					at = append(at, now.Sub(start))
				}
			}
		}
		if n := len(at); n < rate*lasts-2 || n > rate*lasts {
			t.Fatalf("%d sends in %d s at %d/s", n, lasts, rate)
		}
		for i := range at {
			if i+rate < len(at) && at[i+rate]-at[i] < time.Second-60*time.Millisecond {
				t.Fatalf("%d sends within %v at %d/s", rate+1, at[i+rate]-at[i], rate)
			}
		}
	})
}

func TestSlots(t *testing.T) {
	all, none := []bool{true, true, true}, []bool{false, false, false}
	s := NewSlots(10, 2, 0, all, start)
	if wait := s.At(start, 0).Sub(start); wait != 100*time.Millisecond {
		t.Errorf("it begins with a slot that had begun before: %v", wait)
	}
	now := start.Add(250 * time.Millisecond) // two have begun
	for i, want := range []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond} {
		if wait := s.At(now, i).Sub(now); wait != want {
			t.Errorf("with %d before it: %v, want %v", i, wait, want)
		}
	}
	earlier := start.Add(220 * time.Millisecond) // the one of 100 ms can still be used
	if s.At(earlier, 1) != earlier {
		t.Error("of two that have begun one is gone")
	}
	if s.Use(earlier); s.At(earlier, 0) != earlier || s.Idle(earlier) {
		t.Error("one of two is used, and the other is gone")
	}
	later := now.Add(time.Minute)
	if wait := s.At(later, 1).Sub(later); wait != 50*time.Millisecond || !s.Idle(later) {
		t.Errorf("slots of long ago can be used: %v", wait)
	}
	if s.Empty(later); s.At(later, 0).Sub(later) != 50*time.Millisecond {
		t.Error("a slot that was given up can be used")
	}
	if s.Own(none); s.At(later, 0).Sub(later) != time.Hour {
		t.Error("a node without shards has a slot")
	}
}

func TestStride(t *testing.T) {
	for shards := range int64(300) {
		shards++
		seen := map[int64]bool{}
		for k := range shards {
			seen[k*stride(shards)%shards] = true
		}
		if len(seen) != int(shards) {
			t.Fatalf("of %d shards %d have a turn", shards, len(seen))
		}
	}
}

func BenchmarkSlots(b *testing.B) {
	own := make([]bool, 48)
	for i := range own {
		own[i] = i%3 == 0
	}
	s, now := NewSlots(10, 1, 7, own, start), start
	for b.Loop() {
		now = now.Add(50 * time.Millisecond)
		if !s.At(now, 0).After(now) {
			s.Use(now)
		}
	}
}
