package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/workload"
)

// Schedule says when the sends of Parked fall due.
type Schedule struct {
	// Near is how many do while it runs. The rest, one or more, do on the next day.
	Near int
	// Over is how long it takes until all near ones have fallen due, evenly; 0 is
	// one moment. The far ones then take a day.
	Over time.Duration
	// FreshDisk restarts the nodes without their disks as well.
	FreshDisk bool
}

// Parked publishes sends with a sendAt and measures what they take while they
// wait, how long nodes take to start with them, and how the near ones go out
// when they fall due.
func Parked(ctx context.Context, c Config, when Schedule) (_ *report.Result, err error) {
	if when.Near < 1 || when.Near >= c.Workload.Sends || when.Over < 0 {
		return nil, fmt.Errorf("%d of %d sends fall due over %v: give 1 or more, fewer than all, and no negative time", when.Near, c.Workload.Sends, when.Over)
	}
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := c.result("parked", s.rig)
	when.set(r.Settings)
	if err := c.begun(r); err != nil {
		return nil, err
	}
	p := &parked{stage: s, Schedule: when}
	if p.round, err = s.rig.Begin(ctx); err != nil {
		return nil, err
	}
	err = p.run(ctx)
	if err := errors.Join(err, p.round.Close()); err != nil {
		return nil, err
	}
	s.showLogs(p.round)
	found, err := p.account(ctx)
	if err != nil {
		return nil, err
	}
	p.report(r, found)
	return r, s.keep(p.round, found.near)
}

// parked is one run.
type parked struct {
	*stage
	Schedule
	round *rig.Round

	far, near workload.Records
	moment    time.Time // the first of near falls due
	tomorrow  time.Time // the first of far does
	late      string    // why the near ones were not all parked in time

	looks   []look
	starts  []restart
	parking *rig.Measured
	took    time.Duration // until far was parked
	due     *passed
	last    time.Time // the last of near had ended
	stopped time.Time // due was no longer measured
}

// restart is a start of the nodes with what is parked.
type restart struct {
	fresh   bool
	seconds float64
	cpu     time.Duration
}

func (p *parked) run(ctx context.Context) error {
	p.tomorrow = time.Now().Add(24 * time.Hour).Truncate(time.Millisecond)
	p.far = p.part(p.Workload.Sends-p.Near, "far").Due(func(i int) time.Time {
		return p.tomorrow.Add(p.slice(i, p.Workload.Sends-p.Near, 24*time.Hour))
	})
	if err := p.round.StartAll(ctx, p.Nodes, p.engine(p.rig.Partitions)); err != nil {
		return err
	}
	if err := p.look(ctx, started); err != nil {
		return err
	}
	if err := p.parkFar(ctx); err != nil {
		return err
	}
	for _, fresh := range []bool{false, true} {
		if fresh && !p.FreshDisk {
			continue
		}
		if err := p.restart(ctx, fresh); err != nil {
			return err
		}
	}
	if err := p.parkNear(ctx); err != nil {
		return err
	}
	if err := p.fallDue(ctx); err != nil {
		return err
	}
	if err := p.settle(ctx); err != nil {
		return err
	}
	return p.look(ctx, nearSent)
}

// settle waits until the nodes say that the near ones are parked no more: they
// look at their gauges now and then. It does not wait for ever: what they still
// say then is in the report, and ends the line of those that are parked.
func (p *parked) settle(ctx context.Context) error {
	l := &listener{ctx: ctx, nodes: p.round.Nodes}
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); {
		if said, err := l.latest(); err == nil && said.parked <= float64(p.far.Len()) {
			p.due.addParked(time.Since(p.stopped), said.parked)
			return nil
		}
		if err := waitUntil(ctx, time.Now().Add(sampled)); err != nil {
			return err
		}
	}
	return nil
}

// addParked adds how many were parked so long after all else was measured.
func (p *passed) addParked(after time.Duration, n float64) {
	for i, s := range p.Series {
		if s.Name == "parked" {
			p.Series[i].Points = append(s.Points, [2]float64{(p.Elapsed + after).Seconds(), n})
		}
	}
}

// part is some of the sends of the workload, with ids of their own.
func (p *parked) part(n int, tag string) workload.Records {
	w := p.Workload
	w.Sends = n
	return w.Records(p.rig.Topic(w.Topic), tag)
}

// slice returns when the ith of n falls due after the first.
func (p *parked) slice(i, n int, over time.Duration) time.Duration {
	if p.Over == 0 {
		return 0
	}
	return (time.Duration(float64(over) * float64(i) / float64(n))).Truncate(time.Millisecond)
}

// parkFar parks the far ones, and measures what that takes.
func (p *parked) parkFar(ctx context.Context) error {
	began := time.Now()
	measured, _, err := p.metered(ctx, p.round, new(atomic.Int64), func(l *listener) (time.Time, error) {
		if err := p.publish(ctx, p.far); err != nil {
			return began, err
		}
		return p.awaitParked(ctx, l, p.far.Len(), time.Time{})
	})
	if err != nil {
		return err
	}
	p.parking, p.took = measured.Measured, time.Since(began)
	p.say("%s parked after %.1f s", report.Plural(p.far.Len(), "send"), p.took.Seconds())
	if err := waitUntil(ctx, time.Now().Add(rest)); err != nil {
		return err
	}
	return p.look(ctx, farParked)
}

// awaitParked returns when so many are parked: by until, unless that is zero.
func (p *parked) awaitParked(ctx context.Context, l *listener, n int, until time.Time) (last time.Time, err error) {
	progress := report.NewProgress(p.Progress, "parked", int64(n))
	defer progress.End()
	poll := time.NewTicker(sampled)
	defer poll.Stop()
	last = time.Now()
	for known := 0.0; ; {
		said, err := l.latest()
		switch now := time.Now(); {
		case err == nil && said.parked >= float64(n):
			return now, nil
		case err == nil && said.parked > known:
			last, known = now, said.parked
		case !until.IsZero() && now.After(until):
			return now, nil
		case now.Sub(last) > still:
			return last, fmt.Errorf("%v of %d sends are parked, and for %v there were no more; the log is %s", known, n, still, p.round.Nodes[0].Log)
		}
		progress.Show(int64(known), 0)
		select {
		case <-poll.C:
		case err := <-p.round.Ended():
			return last, err
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}

// restart stops the nodes and starts them again. Its time is from their launch
// until all of them are ready with all that was parked.
func (p *parked) restart(ctx context.Context, fresh bool) error {
	if err := p.round.Close(); err != nil {
		return err
	}
	name := startedAgain
	if fresh {
		name = diskLost
		for _, n := range p.round.Nodes {
			if err := os.RemoveAll(n.Data); err != nil {
				return fmt.Errorf("lose the disk of %s: %w", n.Name, err)
			}
		}
	}
	began := time.Now()
	if err := p.round.Restart(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	used, err := p.used()
	if err != nil {
		return err
	}
	p.starts = append(p.starts, restart{fresh, took.Seconds(), used.CPU})
	p.say("%s: ready after %.1f s", name, took.Seconds())
	if _, err := p.awaitParked(ctx, &listener{ctx: ctx, nodes: p.round.Nodes}, p.far.Len(), time.Time{}); err != nil {
		return err
	}
	return p.look(ctx, name)
}

// parkNear parks the near ones, and looks at the memory some seconds before they
// fall due.
func (p *parked) parkNear(ctx context.Context) error {
	pace := float64(p.far.Len()) / p.took.Seconds()
	lead := 2*rest + time.Duration(2*float64(p.Near)/pace*float64(time.Second))
	p.moment = time.Now().Add(lead).Truncate(time.Millisecond)
	p.near = p.part(p.Near, "near").Due(p.dueAt)
	if err := p.publish(ctx, p.near); err != nil {
		return err
	}
	n := p.Workload.Sends
	at, err := p.awaitParked(ctx, &listener{ctx: ctx, nodes: p.round.Nodes}, n, p.moment)
	if err != nil {
		return err
	}
	if !at.Before(p.moment) {
		p.late = "the near ones were not all parked when the first fell due: give fewer of them (--near)"
		return nil
	}
	if err := waitUntil(ctx, p.moment.Add(-rest)); err != nil { // so that both have had their rest
		return err
	}
	return p.look(ctx, nearParked)
}

// rest is how long nodes that have parked are left alone before they are looked
// at: the runtime gives memory back that garbage was in.
const rest = 3 * time.Second

func waitUntil(ctx context.Context, t time.Time) error {
	select {
	case <-time.After(time.Until(t)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fallDue measures how the near ones go out.
func (p *parked) fallDue(ctx context.Context) (err error) {
	p.say("%s due in %.0f s", report.Plural(p.Near, "send"), time.Until(p.moment).Seconds())
	written, err := p.written(ctx) // those that were parked have events, too
	if err != nil {
		return err
	}
	p.due, _, err = p.metered(ctx, p.round, written, func(l *listener) (time.Time, error) {
		if err := waitUntil(ctx, p.moment.Add(-sampled)); err != nil {
			return p.moment, err
		}
		var err error
		p.last, err = p.await(ctx, p.round, l, p.Near, written)
		return p.last, err
	})
	p.stopped = time.Now()
	return err
}
