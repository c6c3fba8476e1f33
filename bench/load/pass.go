package load

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/tally"
	"github.com/carillonhq/carillon/bench/workload"
)

// passed is what one pass over the sends showed.
type passed struct {
	*rig.Measured
	nodes int
	// sends is how many ended while it was measured, and seconds how long that
	// took: see fromLaunch.
	sends, seconds float64
	used           said // of counters, what was added meanwhile
	started        bool // the start of the nodes is in all of these
	verdict        *tally.Verdict
}

// pass has new nodes send everything, and accounts for it.
func (s *stage) pass(ctx context.Context, nodes int, records workload.Records) (p *passed, err error) {
	d, err := s.rig.Begin(ctx)
	if err != nil {
		return nil, err
	}
	launched := time.Now()
	err = d.StartAll(ctx, nodes, s.engine(s.rig.Partitions))
	if err == nil {
		p, err = s.measure(ctx, d, records.Len(), launched)
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, err
	}
	s.showLogs(d)
	p.verdict, err = s.check(ctx, d, records)
	return p, err
}

// measure returns when n sends have ended, or none has for too long. It begins
// when the last node is ready, and those that are sent ahead have ended.
func (s *stage) measure(ctx context.Context, d *rig.Round, n int, launched time.Time) (*passed, error) {
	if err := s.awaitAhead(ctx, d); err != nil {
		return nil, err
	}
	written, err := s.written(ctx)
	if err != nil {
		return nil, err
	}
	var last time.Time
	p, all, err := s.metered(ctx, d, written, func(l *listener) (at time.Time, err error) {
		last, err = s.await(ctx, d, l, n, written)
		return last, err
	})
	if err == nil && p.sends < (all.ended-float64(s.Ahead))/2 {
		p.fromLaunch(all, last.Sub(launched))
	}
	return p, err
}

// written counts the status events so far, for metered and await: those are of
// no rate.
func (s *stage) written(ctx context.Context) (*atomic.Int64, error) {
	events, err := s.rig.Written(ctx, s.rig.Topic("status"))
	n := new(atomic.Int64)
	n.Store(int64(events))
	return n, err
}

// metered measures the nodes and the broker while run goes on, which returns
// when the last send had ended. all is what the nodes say then.
func (s *stage) metered(ctx context.Context, d *rig.Round, ended *atomic.Int64, run func(*listener) (time.Time, error)) (p *passed, all said, err error) {
	processes, err := d.Processes()
	if err != nil {
		return nil, all, err
	}
	processes = append(processes, rig.Watched{Role: "bench", Name: "this command", PID: os.Getpid()})
	l := &listener{ctx: ctx, nodes: d.Nodes}
	before, err := l.latest()
	if err != nil {
		return nil, all, err
	}
	meter, err := rig.Measure(s.every, processes, l.gauges(func() (float64, error) { return float64(ended.Load()), nil })...)
	if err != nil {
		return nil, all, err
	}
	began := time.Now()
	last, awaited := run(l)
	measured := meter.Stop()
	if awaited != nil {
		return nil, all, awaited
	}
	if all, err = listen(ctx, d.Nodes); err != nil {
		return nil, all, err
	}
	p = &passed{Measured: measured, nodes: len(d.Nodes), sends: all.ended - before.ended, seconds: last.Sub(began).Seconds()}
	p.used.commits, p.used.ids = all.commits-before.commits, all.ids
	if all.ended > 0 {
		// What is open when the clock begins was allocated before, and how much that
		// is is chance: so this is by the send over the nodes' whole lives.
		p.used.allocs, p.used.allocated = all.allocs*p.sends/all.ended, all.allocated*p.sends/all.ended
	}
	return p, all, nil
}

// awaitAhead returns when the sends have ended that do not count.
func (s *stage) awaitAhead(ctx context.Context, d *rig.Round) error {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for s.Ahead > 0 {
		all, err := listen(ctx, d.Nodes)
		if err == nil && all.ended >= float64(s.Ahead) {
			break
		}
		select {
		case <-poll.C:
		case err := <-d.Ended():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// fromLaunch takes the pass from the launch of the nodes, their start included: what
// is few enough is gone before all of them are ready, and a rate of the rest
// would say nothing.
func (p *passed) fromLaunch(all said, took time.Duration) {
	p.sends, p.seconds, p.used, p.started = all.ended, took.Seconds(), all, true
	p.Elapsed = took // or the CPU of their lives would be that of some milliseconds
	for _, role := range []string{"engine", "plugin"} {
		use := p.Roles[role]
		use.CPU += use.Before
		p.Roles[role] = use
	}
}

// still is how long nothing may end before a pass is given up. What has no
// outcome then is lost.
const still = time.Minute

func (s *stage) patience() time.Duration {
	p := s.Workload.Provider
	return still + 2*(p.Latency+p.Jitter+p.RetryAfter)
}

// await returns when the last of n sends had ended, by the growth of the topic
// status. It asks the broker for that, which costs less than one more reader;
// the nodes say when there is nothing more to come, since a send that is tried
// again has more than one event.
func (s *stage) await(ctx context.Context, d *rig.Round, l *listener, n int, written *atomic.Int64) (last time.Time, err error) {
	if written == nil {
		written = new(atomic.Int64)
	}
	progress := report.NewProgress(s.Progress, "sends", int64(n))
	defer progress.End()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	last = time.Now()
	for {
		events, err := s.rig.Written(ctx, s.rig.Topic("status"))
		if err != nil {
			return last, err
		}
		if now := time.Now(); int64(events) != written.Swap(int64(events)) {
			last = now
		} else if now.Sub(last) > s.patience() {
			return last, nil
		}
		if events >= n {
			if s, err := listen(ctx, d.Nodes); err == nil && s.ended >= float64(n) {
				return last, nil
			}
		}
		if known, err := l.latest(); err == nil {
			progress.Show(min(int64(known.ended), int64(n)), int64(known.failed))
		}
		select {
		case <-poll.C:
		case err := <-d.Ended():
			return last, err
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}

// showLogs says what the nodes have logged: in a good run nothing.
func (s *stage) showLogs(d *rig.Round) {
	for _, n := range d.Nodes {
		text, err := os.ReadFile(n.Log)
		if line, lines := firstLine(string(text)); err == nil && lines > 0 {
			s.say("%s logged %d lines, such as %s", n.Name, lines, line)
		}
	}
}

// problems adds those of a pass to the report.
func problems(r *report.Result, which string, p *passed) {
	all := slices.Clone(p.verdict.Problems)
	if err := p.Check(); err != nil {
		all = append(all, err.Error())
	}
	for _, text := range all {
		if which != "" {
			text = which + ": " + text
		}
		r.Fail(text)
	}
}
