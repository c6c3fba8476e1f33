package sink

import (
	"time"

	"github.com/zeebo/xxh3"

	"github.com/carillonhq/carillon/sdk"
)

// script decides on attempts by (seed, key, attempt) alone, so that a run can
// be repeated, and so that a retry is decided on anew.
type script struct {
	seed uint64
	// Upper ends of the shares, laid end to end.
	failed, throttled, rejected, unknown float64

	retryAfter, latency, jitter time.Duration
}

func newScript(s settings) script {
	var c script
	c.seed = s.Seed
	c.failed = s.Failures
	c.throttled = c.failed + s.Throttles
	c.rejected = c.throttled + s.Rejects
	c.unknown = c.rejected + s.Unknowns
	c.retryAfter, c.latency, c.jitter = time.Duration(s.RetryAfter), time.Duration(s.Latency), time.Duration(s.LatencyJitter)
	return c
}

// decision is what becomes of one attempt.
type decision struct {
	outcome outcome
	// recorded is false for an unknown attempt that never arrived.
	recorded bool
	latency  time.Duration
}

// outcome is a verdict as the ledger writes it.
type outcome byte

const (
	accepted  outcome = 'a'
	failed    outcome = 'f'
	throttled outcome = 't'
	rejected  outcome = 'r'
	unknown   outcome = 'u'
	refused   outcome = 'c' // for the account's credentials
)

func (c *script) decide(a *sdk.Attempt) decision {
	h := xxh3.HashStringSeed(a.Key, c.seed+uint64(a.Attempt))
	d := decision{outcome: accepted, recorded: true, latency: c.latency}
	if c.jitter > 0 {
		d.latency += time.Duration(share(mix(h+1)) * float64(c.jitter))
	}
	switch x := share(h); {
	case x < c.failed:
		d.outcome = failed
	case x < c.throttled:
		d.outcome = throttled
	case x < c.rejected:
		d.outcome = rejected
	case x < c.unknown:
		d.outcome = unknown
		d.recorded = share(mix(h+2)) < 0.5
	}
	return d
}

func (c *script) verdict(o outcome, a *sdk.Attempt) sdk.Verdict {
	switch o {
	case accepted:
		return sdk.Accepted(a.Key)
	case failed:
		return sdk.Failed("sink")
	case throttled:
		return sdk.Throttled(c.retryAfter, "", "sink")
	case rejected:
		return sdk.Rejected(sdk.Message, "sink")
	case refused:
		return sdk.Rejected(sdk.Credential, "sink")
	default:
		return sdk.Unknown("sink")
	}
}

// share maps a hash to [0, 1).
func share(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// mix makes an independent number of a hash: the end of splitmix64 (Steele,
// Lea, Flood, "Fast splittable pseudorandom number generators").
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
