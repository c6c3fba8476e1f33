package lane

import (
	"context"
	"math"
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
		c, err := l.connect(ctx)
		switch {
		case err == nil:
			l.converse(ctx, c)
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
		MaxBatch: max(1, int(d.MaxBatch)), UrgentStream: d.UrgentStream,
	})
	l.atMost(d.MaxPerSecond)
	return true
}

// connect opens the streams of a conversation: one, or one for each priority
// where the plugin can do that, so that an urgent attempt never stands behind
// those bulk ones that are on their way to the plugin already.
func (l *Lane) connect(ctx context.Context) (*conversation, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &conversation{cancel: cancel}
	streams := 1
	if l.About().UrgentStream {
		streams = 2
	}
	for i := range streams {
		stream, err := l.plugin.Deliver(ctx, l.cfg.Account, i > 0)
		if err != nil {
			c.end()
			return nil, err
		}
		c.add(stream)
	}
	l.mu.Lock()
	l.credits, l.granted = 0, 0
	l.mu.Unlock()
	return c, nil
}

// converse decides in this goroutine what goes out, and reads in others, until
// a stream fails, and then ends all of them.
func (l *Lane) converse(ctx context.Context, c *conversation) {
	broken := c.start(func(res *channelv1.DeliverResponse) {
		fault.Point(fault.AfterAttempt)
		l.settle(res, time.Now())
	}, func(err error) {
		if ctx.Err() == nil {
			l.log.Warn().Err(err).Msg("the plugin's stream broke")
		}
	})
	defer c.end()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := l.next(time.Now(), c)
		if c.send() {
			continue
		}
		timer.Reset(wait)
		select {
		case <-l.wake:
		case <-timer.C:
		case w := <-c.written:
			w.idle = true
		case <-broken:
			return
		case <-ctx.Done():
			return
		}
	}
}

// batchBytes is where a batch ends: a message that a plugin does not take breaks
// the stream, and with it every attempt that is open.
const batchBytes = wire.MaxMessage / 2

// next fills the requests of idle streams from what waits, as far as credits and
// the limiter let it. Where they let nothing, it returns for how long.
func (l *Lane) next(now time.Time, c *conversation) time.Duration {
	const idle = urgentRecent // or sooner, when woken: what bulk leaves to urgent ones is its own again then
	about := l.about.Load()
	var ended []Result
	l.mu.Lock()
	defer func() {
		l.mu.Unlock()
		if len(ended) > 0 {
			distribute(ended)
		}
	}()
	room := l.room(now, c, about.MaxBatch)
	n := room.most
	if n == 0 || l.shareless {
		return idle
	}
	if !l.lease.IsZero() && now.After(l.lease) && !fault.Mutant(fault.NoLease) {
		return idle // the next lease wakes the sender
	}
	if wait := l.paused.Sub(now); wait > 0 {
		l.observe.Waited(wait)
		return wait
	}
	n, wait := l.breaker.room(now, n)
	if n == 0 {
		return wait
	}
	n, wait = l.limiter.Free(now, n)
	if n == 0 {
		l.observe.Waited(wait)
		return wait
	}
	used := 0
	for size := 0; used < n && size < batchBytes; used++ {
		a := l.queue.pop(&room, &l.gates, now)
		if a == nil {
			break
		}
		if how, ends := a.ends(now); ends {
			ended = append(ended, Result{Attempt: a, Outcome: how})
			continue
		}
		if l.halts != nil && l.halts(a, now) {
			ended = append(ended, Result{Attempt: a, Outcome: Returned})
			continue
		}
		l.begin(a, about, now)
		l.credits--
		size += c.way(a.Bulk).out.add(a)
	}
	l.limiter.Use(now, used)
	l.adaptive.begun.add(used, now)
	ended = l.queue.back(ended, l.observe)
	if used == 0 {
		return l.queue.opens(now, idle)
	}
	return 0
}

// What bulk attempts leave to urgent ones, for as long as such come: an eighth of
// the plugin's credits, and the cores, see pace.
const (
	urgentRecent = time.Minute
	reserveShare = 8
)

// room says how many attempts can begin now, were there no limit.
func (l *Lane) room(now time.Time, c *conversation, batch int) (r room) {
	bulk := l.credits
	if now.Sub(l.urgent) < urgentRecent {
		bulk = min(bulk-l.granted/reserveShare, l.pace.most()-l.bulkOpen)
	}
	if c.way(false).idle {
		r.urgent = min(l.queue.urgent.Len(), l.credits, batch)
	}
	if c.way(true).idle {
		r.bulk = max(0, min(l.queue.bulk.Len(), bulk, batch))
	}
	r.most = min(r.urgent+r.bulk, l.credits)
	if len(c.ways) == 1 {
		r.most = min(r.most, batch)
	}
	return r
}

// settle gives the plugin's results to their owners. The first result of an
// attempt counts: a second one, or one for a token that was never given, is
// only counted.
func (l *Lane) settle(res *channelv1.DeliverResponse, now time.Time) {
	results := make([]Result, 0, len(res.Results))
	bulk, least, never := 0, time.Duration(math.MaxInt64), false
	l.mu.Lock()
	l.credits += int(res.Credits)
	l.granted += int(res.Credits) - len(res.Results)
	for _, r := range res.Results {
		a, ok := l.open[r.Token]
		if !ok {
			l.observe.Late()
			never = never || r.Token == 0 || r.Token > l.token
			continue
		}
		if !fault.Mutant(fault.FirstResultNotFirst) {
			l.forget(a)
		}
		l.throttle(a, r, now)
		l.adapt(r, now)
		results = append(results, Result{Attempt: a, Outcome: Answered, Verdict: r})
		l.heard(a, answerOf(r), now)
		if a.Bulk {
			bulk++
			least = min(least, now.Sub(a.began))
		}
	}
	if bulk > 0 {
		l.pace.answered(now, bulk, least)
	}
	never, l.strange = never && !l.strange, l.strange || never
	l.mu.Unlock()
	if never {
		l.log.Warn().Msg("the plugin answers attempts that it was never given: such answers are dropped; carillon plugin check shows what is wrong with it")
	}
	l.signal()
	for _, r := range results {
		l.observe.Answered(r, now.Sub(r.began))
	}
	distribute(results)
	l.giveAway()
}

// close gives everything back and refuses what comes later.
func (l *Lane) close() {
	l.mu.Lock()
	l.closed = true
	waiting := l.queue.remove(func(*Attempt) bool { return true })
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
