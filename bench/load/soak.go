package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/tally"
)

// Soak publishes the workload at a steady rate for a long time, and looks
// whether memory and latency stay what they were: it fails if the last third of
// the run is beyond what was seen in the first.
func Soak(ctx context.Context, c Config, rate float64, length time.Duration) (_ *report.Result, err error) {
	if rate <= 0 || length <= 0 {
		return nil, fmt.Errorf("rate %v and length %v: give more than 0", rate, length)
	}
	c.Workload.Sends = max(1, int(rate*length.Seconds()))
	s, err := open(ctx, c, short(length))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.every = max(sampled, length/2000)
	r := c.result("soak", s.rig)
	r.Settings["rate"], r.Settings["length"], r.Settings["dedupe_window"] = rate, length, window(length)
	if err := c.begun(r); err != nil {
		return nil, err
	}
	f, p, err := s.soak(ctx, rate)
	if err != nil {
		return nil, err
	}
	problems(r, "", p)
	if !f.reached(r, "", p) {
		addCost(r, []*passed{p})
		addSeries(r, []*passed{p})
		return r, nil
	}
	latency := f.overTime("", max(length/300, 100*time.Millisecond))
	for i, what := range []string{"latency_p50", "latency_p99"} {
		addFlat(r, what, "ms", latency[i].Points, length, 0.2)
	}
	addFlat(r, "engine_rss", "MiB", engineMemory(p.Series), length, 0.05)
	all := f.within(0, f.length())
	addTimes(r, "latency_", []times{all})
	addFlow(r, []*flow{f})
	addCost(r, []*passed{p})
	r.Series = latency
	addSeries(r, []*passed{p})
	r.Percentiles = []report.Percentiles{all.report("from the time a send is due to its outcome")}
	return r, nil
}

// window is how long ids are remembered: so short that memory has its final size
// before the first third is looked at.
func window(length time.Duration) time.Duration {
	return min(max(length/12, time.Minute), time.Hour)
}

// short keeps little of what is done with: a soak is as long as one likes, and
// disks are not.
func short(length time.Duration) func(rig.Config) {
	return func(c rig.Config) {
		w := window(length)
		keep := max(2*w, 10*time.Minute).String()
		c.Set(w.String(), "engine", "dedupe_window")
		c.Set(map[string]any{"sends": keep, "status": keep, "invalid": keep}, "kafka", "topics", "retention")
	}
}

// soak runs the flow. What it accounts for is read as it comes: the topic status
// does not keep all of it.
func (s *stage) soak(ctx context.Context, rate float64) (f *flow, p *passed, err error) {
	records := s.Workload.Records(s.rig.Topic(s.Workload.Topic), "send")
	d, err := s.rig.Begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	if f, err = s.newFlow(ctx, records, rate); err != nil {
		return nil, nil, err
	}
	defer f.close()
	f.tally = tally.New(records)
	err = d.StartAll(ctx, s.Nodes, s.engine(s.rig.Partitions))
	if err == nil {
		s.say("%s at %v a second", report.Plural(records.Len(), "send"), rate)
		p, err = s.flowing(ctx, d, f)
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, nil, err
	}
	s.showLogs(d)
	if err := f.readToEnd(ctx, s); err != nil {
		return nil, nil, err
	}
	f.close()
	if err := tally.ReadLedgers(d.Ledgers(), f.tally.Attempt); err != nil {
		return nil, nil, err
	}
	f.tally.First(f.published().Len())
	p.verdict = f.tally.Verdict()
	return f, p, s.keep(d, p.verdict)
}

// engineMemory adds up what the nodes had resident at each sample.
func engineMemory(series []report.Series) (sum [][2]float64) {
	for _, s := range series {
		if s.Unit != "MiB" || !strings.HasPrefix(s.Name, "node-") || strings.HasSuffix(s.Name, "plugin") {
			continue
		}
		for i, point := range s.Points {
			if i == len(sum) {
				sum = append(sum, [2]float64{point[0], 0})
			}
			sum[i][1] += point[1]
		}
	}
	return sum
}

// thirds returns what was seen in the first third of a run and in the last. The
// first tenth is left out: caches fill, and the runtime grows its heap.
func thirds(points [][2]float64, length time.Duration) (first, last []float64) {
	for _, p := range points {
		switch x := p[0] / length.Seconds(); {
		case x >= 0.1 && x < 1.0/3:
			first = append(first, p[1])
		case x >= 2.0/3:
			last = append(last, p[1])
		}
	}
	return first, last
}

// addFlat adds the medians of both thirds, and a problem if that of the last is
// above all that was seen in the first, by more than the slack.
func addFlat(r *report.Result, name, unit string, points [][2]float64, length time.Duration, slack float64) {
	first, last := thirds(points, length)
	if len(first) == 0 || len(last) == 0 {
		return // nothing can be measured here
	}
	suffix := "_" + strings.ToLower(unit)
	before, after, most := median(first), median(last), slices.Max(first)
	r.Add(name+"_first"+suffix, unit, before, report.Lower).Note = "median of the first third"
	r.Add(name+"_last"+suffix, unit, after, report.Lower).Note = "median of the last third"
	if after > most*(1+slack) {
		r.Fail(fmt.Sprintf("%s has grown: in the last third it is %.4g %s, and in the first it was %.4g, at most %.4g",
			name, after, unit, before, most))
	}
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
