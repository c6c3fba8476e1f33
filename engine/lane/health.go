package lane

import (
	"math/rand/v2"
	"time"

	"github.com/zeebo/xxh3"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Health returns how the lane's account is. It costs a look into memory, and is
// safe from any goroutine.
func (l *Lane) Health() Health {
	if h := l.health.Load(); h != nil {
		return *h
	}
	return Health{}
}

// heard notes what the end of an attempt says about the account. The caller holds
// the lane's lock, and calls giveAway without it.
func (l *Lane) heard(a *Attempt, says answer, now time.Time) {
	var address uint64
	if says >= failing {
		address = xxh3.HashString(a.Address.GetValue())
	}
	if l.breaker.judge(a.token, says, address, now, rand.Float64()) {
		l.changed()
	}
}

// changed publishes the account's health, and takes out what waits for one that
// is to be left alone; giveAway returns it. The caller holds the lane's lock.
func (l *Lane) changed() {
	h := l.breaker.Health
	before := l.Health().State
	l.health.Store(&h)
	if h.State == Open {
		l.rested = append(l.rested, l.queue.remove(func(*Attempt) bool { return true })...)
	}
	l.observe.Breaker(h)
	l.signal()
	switch {
	case h.State == Closed:
		l.log.Info().Msg("the account is well again: its sends go on")
	case h.State == Open && before == Closed:
		l.log.Warn().Str("reason", h.Class).Time("next_probe", h.Until).
			Msg("the account is left alone: its attempts go wrong; its sends are parked, and one is tried now and then")
	case h.State == Open:
		l.log.Info().Str("reason", h.Class).Time("since", h.Since).Time("next_probe", h.Until).
			Msg("the account is still not well")
	}
}

// giveAway gives back what changed took out.
func (l *Lane) giveAway() {
	l.mu.Lock()
	back := l.rested
	l.rested = nil
	l.mu.Unlock()
	giveBack(back, Returned)
}

// strayed takes out what came to an account that is left alone, as it may where
// its shard did not know that yet. The caller holds the lane's lock.
func (l *Lane) strayed(now time.Time) []*Attempt {
	if !l.breaker.Rests(now) {
		return nil
	}
	return l.queue.remove(func(*Attempt) bool { return true })
}

// answerOf says what a verdict tells about its account.
func answerOf(v *channelv1.Result) answer {
	switch v.Verdict {
	case channelv1.Verdict_VERDICT_THROTTLED:
		return neutral
	case channelv1.Verdict_VERDICT_REJECTED:
		if v.Class == channelv1.Class_CLASS_CREDENTIAL {
			return refused
		}
		return good
	case channelv1.Verdict_VERDICT_ACCEPTED, channelv1.Verdict_VERDICT_DELIVERED:
		return good
	default:
		return failing
	}
}
