package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/workload"
	"github.com/carillonhq/carillon/engine/control"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// CancelBound is within which time after Kafka has a cancel no attempt of it
// begins any more: what docs/operations.md publishes.
const CancelBound = time.Second

// Cancel publishes a campaign, a third of which is due on the next day. When a
// third is parked, a third waits in lanes, and the last one is in Kafka, it cancels
// the campaign, and accounts for every send.
func Cancel(ctx context.Context, c Config) (_ *report.Result, err error) {
	if c.Workload.Sends < 300 {
		return nil, fmt.Errorf("%d sends are in no three places: give 300 or more", c.Workload.Sends)
	}
	c.Workload.Campaign, c.Workload.Topic = "spring", "sends.bulk"
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := c.result("cancel", s.rig)
	if err := c.begun(r); err != nil {
		return nil, err
	}
	run := &canceling{stage: s}
	if run.round, err = s.rig.Begin(ctx); err != nil {
		return nil, err
	}
	err = run.run(ctx)
	if err := errors.Join(err, run.round.Close()); err != nil {
		return nil, err
	}
	s.showLogs(run.round)
	if err := run.account(ctx); err != nil {
		return nil, err
	}
	run.report(r)
	return r, nil
}

// canceling is one run.
type canceling struct {
	*stage
	round        *rig.Round
	later, now   workload.Records // due on the next day, and at once
	before       said             // what the nodes said last before the cancel
	asked        time.Time        // the cancel was on its way
	took         time.Duration    // until every shard was done
	sum          control.Sum
	missing      []int32
	found, other ends
}

// rate is how many attempts a second the account has: so few that what is in lanes
// stays there.
func (c *canceling) rate() int { return max(50, c.Workload.Sends/250) }

func (c *canceling) run(ctx context.Context) error {
	third := c.Workload.Sends / 3
	w := c.Workload
	w.Sends = third
	tomorrow := time.Now().Add(24 * time.Hour)
	c.later = w.Records(c.rig.Topic(w.Topic), "later").Due(func(int) time.Time { return tomorrow })
	w.Sends = c.Workload.Sends - third
	c.now = w.Records(c.rig.Topic(w.Topic), "now")
	if err := c.round.StartAll(ctx, c.Nodes, c.config(third)); err != nil {
		return err
	}
	if err := c.publish(ctx, c.later); err != nil {
		return err
	}
	if err := c.until(ctx, "parked", third, func(s said) float64 { return s.parked }); err != nil {
		return err
	}
	if err := c.publish(ctx, c.now); err != nil {
		return err
	}
	if err := c.until(ctx, "sent", 2*c.rate(), func(s said) float64 { return s.ended }); err != nil {
		return err
	}
	return c.cancel(ctx)
}

// config has a shard read as many sends as it takes for a third to be in lanes,
// and keeps them there.
func (c *canceling) config(third int) func(rig.Config) {
	each := (third + c.rig.Partitions - 1) / c.rig.Partitions
	return func(e rig.Config) {
		c.engine(c.rig.Partitions)(e)
		e.Set(each, "engine", "window")
		e.Set(min(each*c.rig.Partitions, 1<<20), "engine", "lane_queue")
		e.Set("1m", "engine", "lane_patience")
		e.Set(fmt.Sprintf("%d/s", c.rate()), "channels", "sink", "accounts", "main", "rate")
	}
}

// until returns when the nodes say that there are so many.
func (c *canceling) until(ctx context.Context, what string, n int, of func(said) float64) error {
	progress := report.NewProgress(c.Progress, what, int64(n))
	defer progress.End()
	l := &listener{ctx: ctx, nodes: c.round.Nodes}
	poll := time.NewTicker(sampled)
	defer poll.Stop()
	known, last := 0.0, time.Now()
	for {
		s, err := l.latest()
		if err == nil {
			c.before = s
		}
		if now := of(s); err == nil && now > known {
			known, last = now, time.Now()
		}
		switch {
		case known >= float64(n):
			return nil
		case time.Since(last) > still:
			return fmt.Errorf("%v of %d sends are %s, and for %v there were no more; the log is %s", known, n, what, still, c.round.Nodes[0].Log)
		}
		progress.Show(int64(known), 0)
		select {
		case <-poll.C:
		case err := <-c.round.Ended():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// cancel cancels the campaign, and returns when every shard is done with it, or
// has not been for too long.
func (c *canceling) cancel(ctx context.Context) error {
	asking := control.Asking{
		Client: c.rig.Client(), Control: c.rig.Topic("control"), Replies: c.rig.Topic("replies"), Shards: c.rig.Partitions,
	}
	most := still + time.Duration(c.Workload.Sends)*time.Millisecond
	c.asked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := asking.Ask(ctx, &controlv1.Record{By: "bench", AtMs: c.asked.UnixMilli(), Object: &controlv1.Record_Cancel{Cancel: &controlv1.Cancel{
		Id: "bench", App: c.Workload.App, Campaign: c.Workload.Campaign,
		UntilMs: c.asked.Add(time.Hour).UnixMilli(), AnswerUntilMs: c.asked.Add(most).UnixMilli(),
	}}}, func(r *controlv1.Reply) error { c.sum.Add(r); return nil })
	c.took, c.missing = time.Since(c.asked), asking.Missing()
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // it is in the report
	}
	return err
}
