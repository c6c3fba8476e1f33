package lane

import (
	"context"
	"sync"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk/wire"
)

// reconnect is the least time between two streams: a plugin that ends each at
// once is not asked as fast as it can say no.
const reconnect = time.Second

// Run sends until ctx ends, over one stream after another: a stream that breaks
// is opened anew. When ctx ends, what waits is Returned and what is open Lost;
// no result follows its return.
func (l *Lane) Run(ctx context.Context) {
	var tending sync.WaitGroup
	defer tending.Wait()
	defer l.close()
	tending.Go(func() { l.tend(ctx) })
	if !l.describe(ctx) {
		return
	}
	for ctx.Err() == nil {
		began := time.Now()
		stream, cancel, err := l.connect(ctx)
		switch {
		case err == nil:
			l.converse(ctx, stream, cancel)
			l.loseOpen()
		case ctx.Err() == nil:
			l.log.Warn().Err(err).Msg("no stream to the plugin")
		}
		sleep(ctx, reconnect-time.Since(began))
	}
}

func (l *Lane) describe(ctx context.Context) bool {
	d, err := l.plugin.Describe(ctx)
	if err != nil {
		return false
	}
	deadline := l.cfg.Deadline
	if deadline == 0 {
		deadline = time.Duration(d.DeadlineMs) * time.Millisecond
	}
	if deadline <= 0 {
		deadline = 30 * time.Second
	}
	l.about.Store(&About{
		Name: d.Name, Version: d.Version, AddressKind: d.AddressKind, Idempotent: d.Idempotent,
		Lifetime: time.Duration(d.IdempotencySeconds) * time.Second, Deadline: deadline,
		MaxBatch: max(1, int(d.MaxBatch)),
	})
	return true
}

func (l *Lane) connect(ctx context.Context) (Stream, context.CancelFunc, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := l.plugin.Deliver(ctx, l.cfg.Account)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	l.mu.Lock()
	l.credits = 0
	l.mu.Unlock()
	return stream, cancel, nil
}

// converse writes from this goroutine and reads in another until either fails,
// and then ends both.
func (l *Lane) converse(ctx context.Context, stream Stream, cancel context.CancelFunc) {
	broken := make(chan struct{})
	defer func() {
		cancel()
		<-broken
	}()
	go func() {
		defer close(broken)
		for {
			res, err := stream.Recv()
			if err != nil {
				if ctx.Err() == nil {
					l.log.Warn().Err(err).Msg("the plugin's stream broke")
				}
				return
			}
			fault.Point(fault.AfterAttempt)
			l.settle(res, time.Now())
		}
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		req, wait := l.next(time.Now())
		if req != nil {
			fault.Point(fault.BeforeAttempt)
			err := stream.Send(req)
			l.out.reset()
			if err == nil {
				continue
			}
			<-broken // Recv says why
			return
		}
		timer.Reset(wait)
		select {
		case <-l.wake:
		case <-timer.C:
		case <-broken:
			return
		case <-ctx.Done():
			_ = stream.CloseSend()
			return
		}
	}
}

// batchBytes is where a batch ends: a message that a plugin does not take breaks
// the stream, and with it every attempt that is open.
const batchBytes = wire.MaxMessage / 2

// next builds the next request from what waits, as far as credits and the
// limiter let it; nil with how long to wait where they do not.
func (l *Lane) next(now time.Time) (*channelv1.DeliverRequest, time.Duration) {
	const idle = time.Hour
	about := l.about.Load()
	var ended []Result
	l.mu.Lock()
	defer func() {
		l.mu.Unlock()
		if len(ended) > 0 {
			distribute(ended)
		}
	}()
	n := min(l.queue.len(), l.credits, about.MaxBatch)
	if n == 0 || l.shareless {
		return nil, idle
	}
	if !l.lease.IsZero() && now.After(l.lease) && !fault.Mutant(fault.NoLease) {
		return nil, idle // the next lease wakes the sender
	}
	if wait := l.paused.Sub(now); wait > 0 {
		l.observe.Waited(wait)
		return nil, wait
	}
	n, wait := l.limiter.Take(now, n)
	if n == 0 {
		l.observe.Waited(wait)
		return nil, wait
	}
	// What the limiter granted beyond the bytes of a batch lapses.
	for size := 0; n > 0 && size < batchBytes; n-- {
		a := l.queue.pop()
		switch {
		case a.Expires != 0 && a.Expires <= now.UnixMilli() && !fault.Mutant(fault.ExpiredGoesOut):
			ended = append(ended, Result{Attempt: a, Outcome: Expired})
		case a.Send.TestMode && !fault.Mutant(fault.TestModeGoesOut):
			ended = append(ended, Result{Attempt: a, Outcome: Tested})
		default:
			l.begin(a, about, now)
			size += l.out.add(a)
		}
	}
	if len(l.out.Attempts) == 0 {
		return nil, 0
	}
	l.credits -= len(l.out.Attempts)
	return &l.out.DeliverRequest, 0
}

// settle gives the plugin's results to their owners. The first result of an
// attempt counts: a second one, or one for a token that was never given, is
// only counted.
func (l *Lane) settle(res *channelv1.DeliverResponse, now time.Time) {
	results := make([]Result, 0, len(res.Results))
	l.mu.Lock()
	l.credits += int(res.Credits)
	for _, r := range res.Results {
		a, ok := l.open[r.Token]
		if !ok {
			l.observe.Late()
			continue
		}
		if !fault.Mutant(fault.FirstResultNotFirst) {
			delete(l.open, r.Token)
		}
		results = append(results, Result{Attempt: a, Outcome: Answered, Verdict: r})
	}
	l.mu.Unlock()
	l.signal()
	for _, r := range results {
		l.observe.Answered(r, now.Sub(r.began))
	}
	distribute(results)
}

// loseOpen says of every attempt at the plugin that its answer is lost.
func (l *Lane) loseOpen() { l.lose(func(*Attempt) bool { return true }) }

// loseOverdue gives the plugin a grace of a second after an attempt's deadline:
// it was told the deadline and should have answered by itself.
func (l *Lane) loseOverdue(now time.Time) {
	limit := now.Add(-time.Second).UnixMilli()
	l.lose(func(a *Attempt) bool { return a.deadline < limit })
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
			l.mu.Unlock()
			giveBack(late, Expired)
		}
	}
}

func (l *Lane) lose(which func(*Attempt) bool) {
	var lost []*Attempt
	l.mu.Lock()
	for token, a := range l.open {
		if which(a) {
			lost = append(lost, a)
			delete(l.open, token)
		}
	}
	l.mu.Unlock()
	now := time.Now()
	for _, a := range lost {
		l.observe.Answered(Result{Attempt: a, Outcome: Lost}, now.Sub(a.began))
	}
	if fault.Mutant(fault.LostIsReturned) {
		giveBack(lost, Returned)
		return
	}
	giveBack(lost, Lost)
}

// close gives everything back and refuses what comes later.
func (l *Lane) close() {
	l.mu.Lock()
	l.closed = true
	var waiting []*Attempt
	for l.queue.len() > 0 {
		waiting = append(waiting, l.queue.pop())
	}
	l.mu.Unlock()
	giveBack(waiting, Returned)
	l.loseOpen()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
