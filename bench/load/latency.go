package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
)

// Latency publishes the workload at a steady rate for a time, and measures how
// long each send takes until its outcome is read from status. Each round has
// everything anew.
func Latency(ctx context.Context, c Config, rate float64, length time.Duration, rounds int) (_ *report.Result, err error) {
	if rate <= 0 || length <= 0 || rounds < 1 {
		return nil, fmt.Errorf("rate %v, length %v and %d rounds: give more than 0", rate, length, rounds)
	}
	c.Workload.Sends = max(1, int(rate*(c.WarmUp+length).Seconds()))
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := c.result("latency", s.rig)
	r.Settings["rate"], r.Settings["length"], r.Settings["warm_up"], r.Settings["rounds"] = rate, length, c.WarmUp, rounds
	if err := c.begun(r); err != nil {
		return nil, err
	}
	var flows []*flow
	var all []*passed
	for i := range rounds {
		which := ofRounds(i, rounds)
		f, p, err := s.timed(ctx, which, rate)
		if err != nil {
			return nil, fmt.Errorf("%s%w", which, err)
		}
		problems(r, strings.TrimSuffix(which, ": "), p)
		flows, all = append(flows, f), append(all, p)
		if !f.reached(r, which, p) {
			addCost(r, all)
			addSeries(r, all)
			return r, nil
		}
	}
	parts := latencies(flows, func(f *flow) times { return f.within(c.WarmUp, f.length()) })
	addTimes(r, "latency_", parts)
	addFlow(r, flows)
	addCost(r, all)
	r.Series = linesOf(flows, "")
	addSeries(r, all)
	r.Percentiles = []report.Percentiles{merged(parts).report("from the time a send is due to its outcome")}
	return r, nil
}

// ofRounds begins a sentence about one of several.
func ofRounds(i, rounds int) string {
	if rounds == 1 {
		return ""
	}
	return fmt.Sprintf("round %d: ", i+1)
}

// timed is one round.
func (s *stage) timed(ctx context.Context, which string, rate float64) (f *flow, p *passed, err error) {
	records := s.Workload.Records(s.rig.Topic(s.Workload.Topic), "send")
	d, err := s.rig.BeginEmpty(ctx)
	if err != nil {
		return nil, nil, err
	}
	if f, err = s.newFlow(ctx, records, rate); err != nil {
		return nil, nil, err
	}
	defer f.close()
	err = d.StartAll(ctx, s.Nodes, s.engine(s.rig.Partitions))
	if err == nil {
		s.say("%s%s at %v a second", which, report.Plural(records.Len(), "send"), rate)
		p, err = s.flowing(ctx, d, f)
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, nil, err
	}
	s.showLogs(d)
	p.verdict, err = s.check(ctx, d, f.published())
	return f, p, err
}

// addFlow adds how well the load itself was made.
func addFlow(r *report.Result, flows []*flow) {
	late := make([]float64, len(flows))
	for i, f := range flows {
		late[i] = float64(f.late.Microseconds()) / 1e3
	}
	r.AddRounds("producer_late_ms", "ms", late, report.Neither).
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
// did for too long. A flow that is hopelessly behind is cut short. watch is told
// what the nodes say meanwhile.
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
		if f.keepup.hopeless(now.Sub(f.began), ended) {
			s.say("the rate is too high for this machine: no more is published")
			f.cut.Store(true)
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
			n = f.handed.Load()
		case err := <-d.Ended():
			return last, err
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}
