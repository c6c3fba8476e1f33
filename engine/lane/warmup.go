package lane

import "time"

// Step is a part of a warm-up: until then, the account has this rate at most, in
// sends a second for the whole cluster.
type Step struct {
	Until     time.Time
	PerSecond float64
}

// rateAt returns the account's rate at a time, for the whole cluster: that of the
// step of its warm-up, or its own; 0 is no limit. It depends on the time alone, so
// all nodes agree.
func (c *Config) rateAt(now time.Time) float64 {
	for _, s := range c.WarmUp {
		if !now.Before(s.Until) {
			continue
		}
		if c.Rate > 0 {
			return min(c.Rate, s.PerSecond)
		}
		return s.PerSecond
	}
	return c.Rate
}
