package sdk

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Each answers every attempt of the batch with what deliver returns, running
// at most workers calls at once. An attempt whose own deadline has passed
// before its call began is Failed with code "deadline". It is how most
// channels implement Account.Deliver.
func Each(ctx context.Context, b *Batch, workers int, deliver func(context.Context, *Attempt) Verdict) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(max(workers, 1), len(b.Attempts)) {
		running.Add(1)
		b.spare.start(func() {
			defer running.Done()
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
	// Most batches have one deadline for all, which is ctx's own.
	if at, ok := ctx.Deadline(); a.DeadlineMs != 0 && !(ok && at.UnixMilli() <= a.DeadlineMs) {
		var cancel context.CancelFunc
		ctx, cancel = withDeadline(ctx, a.DeadlineMs)
		defer cancel()
	}
	if ctx.Err() != nil {
		return Failed("deadline")
	}
	return deliver(ctx, a)
}

// spare are goroutines that wait for more to do. A call to a provider needs a
// deep stack, and to let that grow anew for each is a tenth of what a webhook
// costs. A nil one has none; closing it ends them.
type spare chan func()

// spareFor is how long one waits before it ends.
const spareFor = time.Second

// start runs f in a goroutine of its own.
func (s spare) start(f func()) {
	select {
	case s <- f:
	default:
		go s.run(f)
	}
}

func (s spare) run(f func()) {
	f()
	if s == nil {
		return
	}
	idle := time.NewTimer(spareFor)
	defer idle.Stop()
	for {
		select {
		case f, ok := <-s:
			if !ok {
				return
			}
			f()
			idle.Reset(spareFor)
		case <-idle.C:
			return
		}
	}
}
