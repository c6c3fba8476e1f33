package config

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "300ms": 300 * time.Millisecond, "1h30m": 90 * time.Minute,
		"7d": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	// The last two would overflow.
	for _, text := range []string{"", "d", "7", "1.5d", "-1d", "1d-1h", "1d7", "2w", "1h1d", "99999d2000000h", "106752d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "250ms": 250 * time.Millisecond, "20s": 20 * time.Second, "15m": 15 * time.Minute, "1h": time.Hour,
		"1h0m5s": time.Hour + 5*time.Second, "7d": 7 * 24 * time.Hour, "36h": 36 * time.Hour, "10m": 10 * time.Minute,
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// What is written can be read, and is the same.
func TestUnitsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Min(0).Draw(t, "duration"))
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%v: %v %v", d, got, err)
		}
		s := Size(rapid.Int64Min(0).Draw(t, "size"))
		if got, err := ParseSize(s.String()); err != nil || got != s {
			t.Fatalf("%v: %v %v", s, got, err)
		}
		per := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, day}).Draw(t, "per")
		r := Rate{rapid.Int64Min(1).Draw(t, "count"), per}
		if got, err := ParseRate(r.String()); err != nil || got != r {
			t.Fatalf("%v: %v %v", r, got, err)
		}
	})
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "100": 100, "100B": 100, "512KiB": 512 << 10, "64MiB": 64 << 20, "1GiB": 1 << 30} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "1MB", "1 MiB", "9999999999GiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestRate(t *testing.T) {
	for text, want := range map[string]struct {
		perSecond float64
		burst     int
	}{
		"80/s":     {80, 8},
		"600000/m": {10000, 1000},
		"36/h":     {0.01, 1}, // one at least, or nothing could ever go
		"86400/d":  {1, 1},
	} {
		r, err := ParseRate(text)
		if err != nil || r.PerSecond() != want.perSecond || r.Burst() != want.burst || r.String() != text || r.Unlimited() {
			t.Errorf("%s: %v %v %v %v", text, r.PerSecond(), r.Burst(), r, err)
		}
	}
	for _, text := range []string{"", "80", "/s", "80/", "80/w", "80/10s", "0/s", "-1/s", "1.5/s"} {
		if r, err := ParseRate(text); err == nil {
			t.Errorf("%q is %v", text, r)
		}
	}
	var none Rate
	if !none.Unlimited() || none.PerSecond() != 0 || none.String() != "" {
		t.Errorf("no rate: %v", none)
	}
}

func TestPprofOn(t *testing.T) {
	for _, x := range []struct {
		http HTTP
		want bool
	}{
		{HTTP{"127.0.0.1:8080", "auto"}, true},
		{HTTP{"[::1]:8080", "auto"}, true},
		{HTTP{"localhost:8080", "auto"}, true},
		{HTTP{"0.0.0.0:8080", "auto"}, false}, // every address is not loopback
		{HTTP{":8080", "auto"}, false},
		{HTTP{"10.0.0.1:8080", "always"}, true},
		{HTTP{"127.0.0.1:8080", "never"}, false},
	} {
		if got := x.http.PprofOn(); got != x.want {
			t.Errorf("%+v: %v", x.http, got)
		}
	}
}
