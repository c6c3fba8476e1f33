package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
)

// Latency publishes the workload at a steady rate for a time, and measures how
// long each send takes until its outcome is read from status.
func Latency(ctx context.Context, c Config, rate float64, length time.Duration) (_ *report.Result, err error) {
	if rate <= 0 || length <= 0 {
		return nil, fmt.Errorf("rate %v and length %v: give more than 0", rate, length)
	}
	c.Workload.Sends = int(rate * (c.WarmUp + length).Seconds())
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	result := c.result("latency", s.rig)
	result.Settings["rate"], result.Settings["length"], result.Settings["warm_up"] = rate, length, c.WarmUp
	records := c.Workload.Records(s.rig.Topic(c.Workload.Topic), "send")
	d, err := s.rig.Begin(ctx)
	if err != nil {
		return nil, err
	}
	f, err := s.newFlow(ctx, records, rate)
	if err != nil {
		return nil, err
	}
	defer f.close()
	err = d.StartAll(ctx, c.Nodes, s.engine(s.rig.Partitions))
	var p *passed
	if err == nil {
		c.say("%d sends at %v a second", records.Len(), rate)
		p, err = s.flowing(ctx, d, f)
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, err
	}
	s.showLogs(d)
	f.close()
	if p.verdict, err = s.check(ctx, d, records); err != nil {
		return nil, err
	}
	problems(result, "", p)
	all := f.within(c.WarmUp, f.length())
	addTimes(result, "latency_", all)
	addFlow(result, f)
	addCost(result, []*passed{p})
	addSeries(result, []*passed{p})
	result.Series = append(f.overTime("", time.Second), result.Series...)
	result.Percentiles = []report.Percentiles{all.report("from the time a send is due to its outcome")}
	return result, nil
}

// addFlow adds how well the load itself was made.
func addFlow(r *report.Result, f *flow) {
	r.Add("producer_late_ms", "ms", float64(f.late.Microseconds())/1e3, report.Neither).
		Note = "most that a send was published after it was due; it counts as latency"
}

// flowing measures while a flow is published and answered.
func (s *stage) flowing(ctx context.Context, d *rig.Round, f *flow) (*passed, error) {
	p, _, err := s.metered(ctx, d, &f.ended, func(l *listener) (time.Time, error) {
		f.start(ctx)
		return s.follow(ctx, d, l, f, func(said) {})
	})
	return p, err
}

// follow publishes a flow, and returns when the last of it had ended, or nothing
// did for too long. watch is told what the nodes say meanwhile.
func (s *stage) follow(ctx context.Context, d *rig.Round, l *listener, f *flow, watch func(said)) (last time.Time, err error) {
	ctx, cancel := context.WithCancel(ctx)
	published := make(chan error, 1)
	var publishing sync.WaitGroup
	publishing.Go(func() { published <- f.publish(ctx) })
	defer publishing.Wait()
	defer cancel()
	n := int64(f.records.Len())
	progress := report.NewProgress(s.Progress, "sends", n)
	defer progress.End()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	last = time.Now()
	for known := int64(0); ; {
		now, ended := time.Now(), f.ended.Load()
		if ended > known {
			last, known = now, ended
		}
		if ended >= n || now.Sub(last) > s.patience() {
			publishing.Wait()
			return last, nil
		}
		if heard, err := l.latest(); err == nil {
			watch(heard)
			progress.Show(ended, int64(heard.failed))
		}
		select {
		case <-poll.C:
		case err := <-published:
			if err != nil {
				return last, err
			}
		case err := <-d.Ended():
			return last, err
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}
