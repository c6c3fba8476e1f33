package sdk

import (
	"context"
	"sync"
	"sync/atomic"
)

// Each answers every attempt of the batch with what deliver returns, running
// at most workers calls at once. An attempt whose own deadline has passed
// before its call began is Failed with code "deadline". It is how most
// channels implement Account.Deliver.
func Each(ctx context.Context, b *Batch, workers int, deliver func(context.Context, *Attempt) Verdict) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(max(workers, 1), len(b.Attempts)) {
		running.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(b.Attempts) {
					return
				}
				b.Reply(i, deliverOne(ctx, b.Attempts[i], deliver))
			}
		})
	}
	running.Wait()
}

func deliverOne(ctx context.Context, a *Attempt, deliver func(context.Context, *Attempt) Verdict) (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			logPanic(p)
			v = Unknown("panic")
		}
	}()
	ctx, cancel := withDeadline(ctx, a.DeadlineMs)
	defer cancel()
	if ctx.Err() != nil {
		return Failed("deadline")
	}
	return deliver(ctx, a)
}
