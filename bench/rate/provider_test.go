package rate

import (
	"testing"
	"time"

	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
)

func TestBetween(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := &provider{ids: map[string]bool{}}
	for _, r := range []struct {
		id, path string
		at       time.Duration
		taken    bool
	}{
		{"a", "/one", -time.Millisecond, true}, // before
		{"b", "/one", 0, true},
		{"c", "/one", 999 * time.Millisecond, true},
		{"d", "/one", time.Second, false}, // one second after b is another
		{"e", "/two", time.Second, true},
		{"b", "/one", 1500 * time.Millisecond, true}, // again
		{"f", "/one", 2 * time.Second, true},         // after
	} {
		p.seen(webhooksim.Request{ID: r.id, Path: r.path, At: start.Add(r.at), Taken: r.taken})
	}
	if got, want := p.between(start, start.Add(2*time.Second), 2), (counts{offered: 5, taken: 4, most: 3, least: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := p.between(start, start.Add(2*time.Second), 3); got.least != 0 {
		t.Errorf("a sender that had none has %d", got.least)
	}
	if p.doubled != 1 {
		t.Errorf("%d were doubled", p.doubled)
	}
}
