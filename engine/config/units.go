package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes, written as `64MiB`, `512KiB` or plain bytes.
type Size int64

const day = 24 * time.Hour

// ParseDuration reads what time.ParseDuration reads, with days in front:
// "7d", "1d12h".
func ParseDuration(s string) (Duration, error) {
	wrong := fmt.Errorf("%q must be a duration such as 300ms, 30s, 1h30m or 7d", s)
	number, rest, hasDays := strings.Cut(s, "d")
	if !hasDays {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, wrong
		}
		return d, nil
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return 0, wrong
	}
	d := Duration(n) * day
	if rest == "" {
		return d, nil
	}
	tail, err := time.ParseDuration(rest)
	if err != nil || tail < 0 || tail > math.MaxInt64-d {
		return 0, wrong
	}
	return d + tail, nil
}

// FormatDuration writes d the way that ParseDuration reads: "7d", "1h30m".
func FormatDuration(d Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// ParseSize reads "64MiB", "512KiB", "100B" or a plain number of bytes.
func ParseSize(s string) (Size, error) {
	number, factor := s, int64(1)
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(s, u.name); ok {
			number, factor = n, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q must be a size such as 512KiB, 64MiB or 1GiB", s)
	}
	return Size(n * factor), nil
}

// String writes the size in the largest unit that divides it: "64MiB".
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// Rate is a number of attempts over a time. The zero Rate is no limit.
type Rate struct {
	Count int64
	Per   time.Duration
}

var rateUnits = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}

// ParseRate reads "80/s", "600000/m", "10/h" or "1000/d". A rate of 0 is an
// error: who wants no limit leaves the key out.
func ParseRate(s string) (Rate, error) {
	number, unit, _ := strings.Cut(s, "/")
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	per := rateUnits[strings.TrimSpace(unit)]
	switch {
	case err != nil || per == 0:
		return Rate{}, fmt.Errorf("%q must be a rate such as 80/s, 600000/m, 10/h or 1000/d", s)
	case n <= 0:
		return Rate{}, fmt.Errorf("%q must be above 0; leave the key out for no limit", s)
	}
	return Rate{Count: n, Per: per}, nil
}

// Unlimited reports whether there is no limit.
func (r Rate) Unlimited() bool { return r.Count <= 0 || r.Per <= 0 }

// PerSecond returns attempts per second; 0 is no limit.
func (r Rate) PerSecond() float64 {
	if r.Unlimited() {
		return 0
	}
	return float64(r.Count) / r.Per.Seconds()
}

// String writes the rate as it is configured: "80/s"; "" is no limit.
func (r Rate) String() string {
	for name, per := range rateUnits {
		if !r.Unlimited() && per == r.Per {
			return strconv.FormatInt(r.Count, 10) + "/" + name
		}
	}
	if r.Unlimited() {
		return ""
	}
	return fmt.Sprintf("%d/%s", r.Count, r.Per)
}

// Burst is what the rate allows in a tenth of a second, at least 1: how many may go
// at once where nothing else is said.
func (r Rate) Burst() int {
	return int(max(1, min(r.PerSecond()/10, 1<<20)))
}
