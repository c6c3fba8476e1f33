package lane

import (
	"time"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// adaptive finds the rate that a provider lets pass where it is lower than the
// configured one, or where none is configured: with throttles it falls by the part
// of the attempts that were throttled, once a second at most, and it rises by as
// much a second with attempts that go well (additive increase, multiplicative
// decrease: Chiu and Jain, 1989; in proportion as DCTCP does, RFC 8257). So a
// provider that throttles some recipients by chance slows the others little. It is
// pure, and of one node; its rates are the node's.
type adaptive struct {
	rate      float64   // sends a second; 0 is no bound of its own
	base      float64   // what it fell from at first: it rises by a part of that
	at        time.Time // when it last fell
	since     time.Time // of now
	now, last tally     // this second's answers, and those of the one before
	begun     meter
}

type tally struct{ good, throttled int }

const (
	leastFall = 0.95 // is left of the rate at most
	mostFall  = 0.5  // is left at least
	rise      = 0.05 // of the base, a second
	floor     = 0.01 // of the base is kept
	// forgetting is how long it takes without a throttle until a rate that nobody
	// configured is no longer bound.
	forgetting = 10 * time.Minute
)

// throttled is told of a throttle; most is the rate in force without it, 0 for none.
// It says whether the rate has changed.
func (a *adaptive) throttled(most float64, now time.Time) bool {
	a.tick(now)
	a.now.throttled++
	if now.Sub(a.at) < time.Second {
		return false
	}
	if a.rate == 0 {
		if a.base = most; most == 0 {
			a.base = a.begun.rate(now)
		}
		a.rate = a.base
	}
	throttled := a.now.throttled + a.last.throttled
	left := 1 - float64(throttled)/float64(throttled+a.now.good+a.last.good)
	a.rate = max(a.rate*min(max(left, mostFall), leastFall), a.base*floor, 0.1)
	a.at = now
	return true
}

// well is told of an attempt that went well. It says whether the rate has changed.
func (a *adaptive) well(most float64, now time.Time) bool {
	a.tick(now)
	a.now.good++
	if a.rate == 0 {
		return false
	}
	a.rate += a.base * rise / a.rate
	if most > 0 && a.rate >= most || most == 0 && now.Sub(a.at) > forgetting {
		a.rate = 0
	}
	return true
}

func (a *adaptive) tick(now time.Time) {
	if now.Sub(a.since) < time.Second {
		return
	}
	if a.last = a.now; now.Sub(a.since) >= 2*time.Second {
		a.last = tally{}
	}
	a.now, a.since = tally{}, now
}

// split follows a change of the node's share.
func (a *adaptive) split(by float64) {
	a.rate *= by
	a.base *= by
}

// meter counts what begins, by the second.
type meter struct {
	since    time.Time
	n        int
	measured float64
}

func (m *meter) add(n int, now time.Time) {
	if took := now.Sub(m.since); took >= time.Second {
		m.measured, m.n, m.since = float64(m.n)/took.Seconds(), 0, now
	}
	m.n += n
}

// rate returns that of the last second, or of the present one where that is higher:
// after a quiet time it tells more.
func (m *meter) rate(now time.Time) float64 {
	present := float64(m.n) / max(now.Sub(m.since).Seconds(), 0.1)
	return max(m.measured, present, 1)
}

// adapt follows a verdict. The caller holds the lane's lock.
func (l *Lane) adapt(r *channelv1.Result, now time.Time) {
	if !l.cfg.Adaptive {
		return
	}
	most, changed := l.configured(now), false
	switch r.Verdict {
	case channelv1.Verdict_VERDICT_THROTTLED:
		changed = r.Limit == "" && l.adaptive.throttled(most, now)
	case channelv1.Verdict_VERDICT_ACCEPTED, channelv1.Verdict_VERDICT_DELIVERED:
		changed = l.adaptive.well(most, now)
	}
	if changed {
		l.setRate(now)
	}
}

// configured is the node's part of the account's rate, as far as it is warmed up; 0
// is no limit. The caller holds the lane's lock.
func (l *Lane) configured(now time.Time) float64 { return l.cfg.rateAt(now) * l.share }

// inForce is the rate that holds, and its burst.
func (l *Lane) inForce(now time.Time) (rate float64, burst int) {
	rate = l.configured(now)
	if a := l.adaptive.rate; a > 0 && (rate == 0 || a < rate) {
		rate = a
	}
	burst = int(float64(l.cfg.Burst) * l.share)
	switch full := l.cfg.Rate * l.share; {
	case full == 0:
		burst = int(rate / 10)
	case rate < full:
		burst = int(float64(burst) * rate / full)
	}
	return rate, max(1, burst)
}

// setRate has the limiter go by the rate in force. The caller holds the lane's lock.
func (l *Lane) setRate(now time.Time) {
	if l.shareless { // to the limiter, no rate is no limit
		return
	}
	l.limiter.Set(l.inForce(now))
}

// Pacing is what holds a lane's attempts back, for people to see.
type Pacing struct {
	// Rate is in sends a second, the node's; 0 is no limit. Configured is what it
	// would be without throttles.
	Rate, Configured float64
	// PausedUntil is when the provider may be asked again that wanted to be left
	// alone; zero, or past, where it may be now.
	PausedUntil time.Time
}

// Pacing returns how the lane is paced at now. It is safe from any goroutine.
func (l *Lane) Pacing(now time.Time) Pacing {
	l.mu.Lock()
	defer l.mu.Unlock()
	rate, _ := l.inForce(now)
	return Pacing{Rate: rate, Configured: l.configured(now), PausedUntil: l.paused}
}
