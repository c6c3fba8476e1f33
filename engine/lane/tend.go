package lane

import (
	"context"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
)

// loseOpen says of every attempt at the plugin that its answer is lost. That says
// nothing about the account, unless it waits for the answer to a probe: the
// plugin's process is not the account.
func (l *Lane) loseOpen() {
	l.lose(func(*Attempt) bool { return true }, func() answer {
		if l.breaker.State == HalfOpen {
			return failing
		}
		return neutral
	})
}

// loseOverdue gives the plugin a grace of a second after an attempt's deadline:
// it was told the deadline and should have answered by itself.
func (l *Lane) loseOverdue(now time.Time) {
	limit := now.Add(-time.Second).UnixMilli()
	l.lose(func(a *Attempt) bool { return a.deadline < limit }, func() answer { return failing })
}

// tend ends what has waited or been open for too long, whether or not the
// plugin is up.
func (l *Lane) tend(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			l.loseOverdue(now)
			l.mu.Lock()
			late := l.queue.remove(func(a *Attempt) bool { return a.Expires != 0 && a.Expires <= now.UnixMilli() })
			l.gates.forget(now)
			l.setRate(now) // a warm-up goes on
			missed := l.queue.remove(func(a *Attempt) bool { return a.Until != 0 && a.Until <= now.UnixMilli() })
			missed = append(missed, l.strayed(now)...)
			l.mu.Unlock()
			giveBack(late, Expired)
			giveBack(missed, Returned)
		}
	}
}

// lose gives up attempts that are open, which says so much about the account.
func (l *Lane) lose(which func(*Attempt) bool, says func() answer) {
	var lost []*Attempt
	now := time.Now()
	l.mu.Lock()
	for _, a := range l.open {
		if which(a) {
			lost = append(lost, a)
			l.forget(a)
			l.heard(a, says(), now)
		}
	}
	l.mu.Unlock()
	l.signal()
	defer l.giveAway()
	for _, a := range lost {
		l.observe.Answered(Result{Attempt: a, Outcome: Lost}, now.Sub(a.began))
	}
	if fault.Mutant(fault.LostIsReturned) {
		giveBack(lost, Returned)
		return
	}
	giveBack(lost, Lost)
}
