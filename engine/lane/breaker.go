package lane

import (
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
)

// A breaker leaves an account alone that can't send: its credentials are refused,
// or (nearly) nothing has gone well for a while. It is open then: nothing begins
// but now and then one attempt, the probe, and the first that goes well closes it.
// It is pure: time and chance are passed in. It is of one node alone: others find
// out by themselves.

// Breaker is when an account is left alone, and for how long.
type Breaker struct {
	// Refusals is how many attempts in a row are refused for the account's
	// credentials until it is left alone; 0 is never.
	Refusals int
	// Attempts is how many of the last ones are looked at: where nine of ten
	// failed, or had no answer in time, the account is left alone; 0 is never. All
	// of them must be of the last Window, and a quarter must have failed for
	// addresses that differ: one that is out of order is not the account.
	Attempts int
	Window   time.Duration
	// Pause is before the first probe. It doubles with each that fails, up to
	// MaxPause.
	Pause, MaxPause time.Duration
}

// State is that of an account's breaker.
type State uint8

const (
	// Closed: attempts go.
	Closed State = iota
	// HalfOpen: a probe is under way.
	HalfOpen
	// Open: none goes but a probe, once its time has come.
	Open
)

// String returns the state as metrics and people have it.
func (s State) String() string { return [...]string{"closed", "half-open", "open"}[s] }

// The classes of what opens a breaker, as in a status event's reason.
const (
	Credential = "credential"
	Provider   = "provider"
)

// Health is how an account is, on this node. The zero value is well.
type Health struct {
	State State
	// Class is why it is not closed: Credential or Provider.
	Class string
	// Since is when it opened after it was well; Until when the next probe may go.
	Since, Until time.Time
}

// Rests says whether not even a probe may begin now.
func (h Health) Rests(now time.Time) bool { return h.State == Open && now.Before(h.Until) }

// Takes says whether attempts go to the account, or a probe at least may begin.
func (h Health) Takes(now time.Time) bool {
	return h.State == Closed || h.State == Open && !h.Rests(now)
}

// answer is what an attempt's end says about its account.
type answer uint8

const (
	neutral answer = iota // nothing: it was too fast, or too much
	good                  // it works: the message was taken, or refused for itself
	failing               // the provider failed, or did not answer
	refused               // the credentials are not good
)

type breaker struct {
	cfg Breaker
	Health
	trips   int       // openings and failed probes since it was well for long
	closed  time.Time // when it last did
	row     int       // credential rejections since the last good answer
	last    []answered
	at      int    // in last
	bad     int    // of last
	probe   uint64 // the last one's token; those of later attempts are higher
	opening int    // after it closed: most attempts of since then that may be open; 0 is no bound
	begun   int    // and how many are
	scratch []uint64
}

// answered is one of the last attempts.
type answered struct {
	at      int64  // Unix milliseconds
	address uint64 // hashed; of a bad one
	bad     bool
}

// opened is where the bound after a closing ends: with a bound so high, it is none.
const opened = 512

func newBreaker(cfg Breaker) breaker { return breaker{cfg: cfg} }

// room returns how many of n attempts may begin, and for how long that stays so
// where none may.
func (b *breaker) room(now time.Time, n int) (int, time.Duration) {
	const untilTold = time.Minute // an answer wakes the sender
	if fault.Mutant(fault.BreakerIgnored) {
		return n, 0
	}
	switch {
	case b.State == Closed && b.opening == 0:
		return n, 0
	case b.State == Closed:
		return min(n, max(0, b.opening-b.begun)), untilTold
	case b.Rests(now):
		return 0, b.Until.Sub(now)
	case b.State == Open:
		return min(n, 1), untilTold
	default:
		return 0, untilTold
	}
}

// begin notes that an attempt begins. It says whether the state has changed.
func (b *breaker) begin(token uint64) bool {
	switch {
	case b.State == Open:
		b.State, b.probe = HalfOpen, token
		return true
	case b.opening > 0:
		b.begun++
	}
	return false
}

// judge notes how an attempt ended, once for each that began. address is hashed,
// jitter in [0, 1). It says whether the state has changed.
func (b *breaker) judge(token uint64, a answer, address uint64, now time.Time, jitter float64) bool {
	switch b.State {
	case HalfOpen:
		if token != b.probe {
			return false
		}
		if a == failing || a == refused {
			b.open(a, now, jitter)
		} else {
			b.close(now)
		}
		return true
	case Open:
		return false
	}
	if b.opening > 0 && token > b.probe {
		b.begun--
	}
	if a == neutral || token < b.probe { // what began before it opened tells nothing new
		return false
	}
	b.remember(a, address, now)
	b.widen(a)
	if b.cfg.Refusals > 0 && b.row >= b.cfg.Refusals || a != good && b.hopeless(now) {
		if b.closed.IsZero() || now.Sub(b.closed) >= b.cfg.MaxPause {
			b.trips = 0
		}
		b.Since = now
		b.open(a, now, jitter)
		return true
	}
	return false
}

func (b *breaker) open(a answer, now time.Time, jitter float64) {
	b.State, b.Class, b.opening = Open, Provider, 0
	if a == refused {
		b.Class = Credential
	}
	pause := b.cfg.MaxPause
	if b.trips < 32 {
		if p := b.cfg.Pause << b.trips; p>>b.trips == b.cfg.Pause {
			pause = min(pause, p)
		}
	}
	b.trips++
	b.Until = now.Add(pause/2 + time.Duration(jitter*float64(pause/2)))
}

func (b *breaker) close(now time.Time) {
	b.Health, b.closed = Health{}, now
	b.row, b.at, b.bad, b.last = 0, 0, 0, b.last[:0]
	b.opening, b.begun = 1, 0
}

// widen lets one more attempt be open after each that went well, so twice as many
// after a round of them: what has just come back is not flooded. It lets half as
// many after one that did not.
func (b *breaker) widen(a answer) {
	switch {
	case b.opening == 0:
	case a != good:
		b.opening = max(1, b.opening/2)
	default:
		if b.opening++; b.opening > opened {
			b.opening = 0
		}
	}
}

func (b *breaker) remember(a answer, address uint64, now time.Time) {
	switch a {
	case good:
		b.row = 0
	case refused:
		b.row++
	}
	if b.cfg.Attempts == 0 {
		return
	}
	x := answered{now.UnixMilli(), address, a != good}
	if len(b.last) < b.cfg.Attempts {
		b.last = append(b.last, x)
	} else {
		if b.last[b.at].bad {
			b.bad--
		}
		b.last[b.at] = x
		b.at = (b.at + 1) % len(b.last)
	}
	if x.bad {
		b.bad++
	}
}

// hopeless says whether nearly all of the last attempts went wrong, within the
// window, and not for a few addresses alone.
func (b *breaker) hopeless(now time.Time) bool {
	n := b.cfg.Attempts
	if n == 0 || len(b.last) < n || b.bad*10 < n*9 || now.UnixMilli()-b.last[b.at].at > b.cfg.Window.Milliseconds() {
		return false
	}
	b.scratch = b.scratch[:0]
	for i := range b.last {
		if b.last[i].bad {
			b.scratch = append(b.scratch, b.last[i].address)
		}
	}
	slices.Sort(b.scratch)
	return len(slices.Compact(b.scratch)) >= (n+3)/4
}
