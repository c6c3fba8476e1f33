package lane

import (
	"math"
	"time"

	"github.com/carillonhq/carillon/engine/limit"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// atMost obeys what a plugin declares that its provider takes of an account, where
// the configured rate is none or higher.
func (l *Lane) atMost(perSecond float64) {
	if !(perSecond > 0) || math.IsInf(perSecond, 0) { // nor NaN
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cfg.Rate > 0 && l.cfg.Rate <= perSecond {
		return
	}
	l.cfg.Rate = perSecond
	if most := max(1, int(min(perSecond/10, 1<<20))); l.cfg.Burst == 0 || l.cfg.Burst > most {
		l.cfg.Burst = most
	}
	l.limiter.Set(l.cfg.Rate*l.share, max(1, int(float64(l.cfg.Burst)*l.share)))
	l.limiter.Empty(time.Now())
	l.log.Info().Float64("per_second", perSecond).Msg("the channel declares a lower rate than the configuration has")
}

// mostThrottled bounds what a plugin can make a value wait: a mistake in units must
// not stop it for years.
const mostThrottled = 24 * time.Hour

// throttle obeys a verdict that names a dimension: what is like the attempt in it
// waits for as long as the provider wants, and all else goes on.
func (l *Lane) throttle(a *Attempt, r *channelv1.Result, now time.Time) {
	if r.Verdict != channelv1.Verdict_VERDICT_THROTTLED || r.RetryAfterMs <= 0 {
		return
	}
	d, known := limit.ParseDimension(r.Limit)
	if r.Limit == "" {
		d, known = limit.Account, true
	}
	if !known {
		return // one of the provider's own: the send alone waits
	}
	until := now.Add(time.Duration(min(r.RetryAfterMs, mostThrottled.Milliseconds())) * time.Millisecond)
	if d != limit.Account {
		l.gates.shut(d, a, until, now)
	} else if until.After(l.paused) {
		l.paused = until
	}
}
