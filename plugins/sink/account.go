package sink

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

type account struct {
	script script
	ledger *ledger // nil where none is kept
	// While this file is there, all attempts are refused; "" is none.
	refusedWhile string
}

func (a *account) Close() error {
	if a.ledger == nil {
		return nil
	}
	return a.ledger.close()
}

// Deliver records the whole batch with one write before it answers any of it,
// and waits once for each moment at which something is due: no goroutine and
// no timer per attempt.
func (a *account) Deliver(ctx context.Context, b *sdk.Batch) {
	decisions := make([]decision, len(b.Attempts))
	locked := a.locked()
	for i, at := range b.Attempts {
		decisions[i] = a.script.decide(at)
		if locked {
			decisions[i].outcome, decisions[i].recorded = refused, true
		}
	}
	now := time.Now()
	if a.ledger != nil {
		if err := a.ledger.record(now, b.Attempts, decisions); err != nil {
			// Part of the batch may be in the ledger: what is left unanswered
			// counts as unknown.
			return
		}
	}
	if a.script.jitter == 0 {
		a.reply(ctx, b, decisions, now, nil)
		return
	}
	order := make([]int, len(decisions))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(decisions[i].latency, decisions[j].latency) })
	a.reply(ctx, b, decisions, now, order)
}

// locked says whether the account is refused for its credentials.
func (a *account) locked() bool {
	if a.refusedWhile == "" {
		return false
	}
	_, err := os.Stat(a.refusedWhile)
	return err == nil
}

// reply answers in the given order (nil is the batch's) as latencies run out.
func (a *account) reply(ctx context.Context, b *sdk.Batch, decisions []decision, began time.Time, order []int) {
	passed := time.Duration(0)
	for n := range decisions {
		i := n
		if order != nil {
			i = order[n]
		}
		d := decisions[i]
		if d.latency > passed {
			if !wait(ctx, d.latency-time.Since(began)) {
				return // nobody waits for the rest
			}
			passed = max(d.latency, time.Since(began))
		}
		b.Reply(i, a.script.verdict(d.outcome, b.Attempts[i]))
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
