package retry

import (
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	p := Policy{MaxAttempts: 3, Base: time.Second, Max: 10 * time.Second}
	for _, c := range []struct {
		name   string
		n      int
		hint   time.Duration
		jitter float64
		want   time.Duration
	}{
		{"the first retry is within the base", 1, 0, 0.5, 500 * time.Millisecond},
		{"each attempt doubles the ceiling", 3, 0, 0.5, 2 * time.Second},
		{"the ceiling stops at max", 5, 0, 0.5, 5 * time.Second},
		{"no overflow after many attempts", 4000, 0, 0.5, 5 * time.Second},
		{"a provider's wait is kept in full", 1, 30 * time.Second, 0, 30 * time.Second},
		{"and spread by the jitter", 1, 30 * time.Second, 0.5, 30*time.Second + 500*time.Millisecond},
	} {
		if got := p.Next(c.n, c.hint, c.jitter); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if p.Exhausted(2) || !p.Exhausted(3) {
		t.Error("three attempts are allowed, not two and not four")
	}
}
