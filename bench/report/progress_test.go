package report

import (
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	for _, c := range []struct {
		name     string
		total    int64
		terminal bool
		want     string
	}{
		{"a pipe has a line every five seconds", 40_000, false,
			"5,000 of 40,000 sends (12%), 1,000/s, 3 failed, 35s left\n" +
				"10,000 of 40,000 sends (25%), 1,000/s, 3 failed, 30s left\n"},
		{"of an unknown total nobody knows the rest", 0, false,
			"5,000 sends, 1,000/s, 3 failed\n10,000 sends, 1,000/s, 3 failed\n"},
	} {
		now := time.Unix(0, 0)
		b := &strings.Builder{}
		p := newProgress(b, "sends", c.total, c.terminal, func() time.Time { return now })
		p.Show(0, 0)
		for i := range int64(100) {
			now = now.Add(100 * time.Millisecond)
			p.Show((i+1)*100, 3)
		}
		p.End()
		if b.String() != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, b.String(), c.want)
		}
	}
}

// A terminal has one line, which is written over, not more often than one can
// read, and which ends once.
func TestProgressOnATerminal(t *testing.T) {
	now := time.Unix(0, 0)
	b := &strings.Builder{}
	p := newProgress(b, "sends", 1000, true, func() time.Time { return now })
	p.Show(0, 0)
	for i := range int64(10) {
		now = now.Add(100 * time.Millisecond)
		p.Show((i+1)*100, 0)
	}
	p.End()
	p.End()
	if got := strings.Count(b.String(), "\r\x1b[K"); got != 5 {
		t.Errorf("written %d times in a second, want 5", got)
	}
	if strings.Count(b.String(), "\n") != 1 || !strings.HasSuffix(b.String(), "1,000 of 1,000 sends (100%), 1,000/s\n") {
		t.Errorf("%q", b.String())
	}
}

// What was done before the first look is no rate.
func TestProgressBeginsInTheMiddle(t *testing.T) {
	now := time.Unix(0, 0)
	b := &strings.Builder{}
	p := newProgress(b, "sends", 401_000, true, func() time.Time { return now })
	for i := range int64(2) {
		now = now.Add(time.Second)
		p.Show(300_000+i*50_000, 0)
	}
	if got, want := b.String(), "350,000 of 401,000 sends (87%), 50,000/s, 1s left"; !strings.HasSuffix(got, want) || strings.Count(got, "left") != 1 {
		t.Errorf("%q, want %q alone", got, want)
	}
}

// The rate is that of the last seconds, and a standstill has no time that is left.
func TestProgressStalls(t *testing.T) {
	now := time.Unix(0, 0)
	p := newProgress(&strings.Builder{}, "sends", 1000, true, func() time.Time { return now })
	for range 60 {
		now = now.Add(time.Second)
		p.Show(500, 0)
	}
	if got, want := p.line(500, 0), "500 of 1,000 sends (50%), 0/s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
