// Package retry decides when a send is tried again. It is pure: time and
// chance are passed in.
package retry

import "time"

// Policy bounds the attempts at a send.
type Policy struct {
	// MaxAttempts counts attempts that failed or whose answer was lost, the
	// first included. Throttled ones do not count: the expiry bounds them.
	MaxAttempts int
	// Base and Max bound the delay: Base doubles with each attempt up to Max.
	Base, Max time.Duration
}

// Next returns the delay before the attempt that follows n attempts (n >= 1):
// exponential with full jitter (Brooker, "Exponential Backoff And Jitter",
// AWS Architecture Blog). jitter is in [0, 1). hint is how long the provider
// asked to be left alone: it is waited in full, with the jittered delay on top,
// so that the throttled do not all come back at one instant.
func (p Policy) Next(n int, hint time.Duration, jitter float64) time.Duration {
	ceiling := p.Max
	if shift := n - 1; shift < 32 && p.Base<<shift < p.Max && p.Base<<shift>>shift == p.Base {
		ceiling = p.Base << shift
	}
	return hint + time.Duration(jitter*float64(ceiling))
}

// Exhausted says whether no attempt may follow so many counted ones.
func (p Policy) Exhausted(counted int) bool { return counted >= p.MaxAttempts }
