package outcome

import (
	"math"
	"testing"
	"time"
)

func TestAdvance(t *testing.T) {
	cases := []struct {
		name     string
		sequence int32
		n        int
		want     int32
	}{
		{"from the start", 0, 5, 5},
		{"up to the last number", math.MaxInt32 - 4, 4, math.MaxInt32},
		{"over it", math.MaxInt32, 1, 0},
		{"well over it", math.MaxInt32 - 1, 10, 8},
	}
	for _, c := range cases {
		if got := advance(c.sequence, c.n); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	for failures, want := range map[int]int64{1: 50, 2: 100, 5: 800, 7: 2000, 1000: 2000} {
		if got := backoff(50*time.Millisecond, failures); got.Milliseconds() != want {
			t.Errorf("after %d failures: %s, want %d ms", failures, got, want)
		}
	}
}
