package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/workload"
)

// Isolation measures the latency of urgent sends at a low, steady rate twice:
// alone, and while nodes work through a broadcast on sends.bulk as fast as they
// can. c.Workload is that of the urgent ones; both go through the same lane. Each
// round has everything anew. In the end c.Tenants share the lane.
func Isolation(ctx context.Context, c Config, bulk workload.Workload, rate float64, length time.Duration, rounds int) (_ *report.Result, err error) {
	if rate <= 0 || length <= 0 || rounds < 1 {
		return nil, fmt.Errorf("rate %v, length %v and %d rounds: give more than 0", rate, length, rounds)
	}
	bulk.Topic, bulk.Channel = "sends.bulk", c.Workload.Channel
	c.Workload.Topic, c.Workload.Sends = "sends", max(1, int(rate*(c.WarmUp+length).Seconds()))
	if err := bulk.Check(); err != nil {
		return nil, fmt.Errorf("the broadcast: %w", err)
	}
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := c.result("isolation", s.rig)
	r.Settings["rate"], r.Settings["length"], r.Settings["warm_up"] = rate, length, c.WarmUp
	r.Settings["broadcast"], r.Settings["broadcast.sends"], r.Settings["broadcast.payload"] = bulk.Name, bulk.Sends, bulk.Payload
	r.Settings["rounds"], r.Settings["tenants"] = rounds, c.Tenants
	if err := c.begun(r); err != nil {
		return nil, err
	}
	var all []*isolation
	for n := range rounds {
		i := &isolation{
			stage: s, rate: rate, which: ofRounds(n, rounds),
			idle:   c.Workload.Records(s.rig.Topic("sends"), "idle"),
			loaded: c.Workload.Records(s.rig.Topic("sends"), "loaded"),
			bulk:   bulk.Records(s.rig.Topic("sends.bulk"), "bulk"),
		}
		if err := i.run(ctx); err != nil {
			return nil, fmt.Errorf("%s%w", i.which, err)
		}
		all = append(all, i)
		if !i.judge(r) {
			break
		}
	}
	addIsolation(r, all)
	if c.Tenants > 1 {
		err = s.shared(ctx, bulk, r)
	}
	return r, err
}

// isolation is one round.
type isolation struct {
	*stage
	rate               float64
	which              string // round, for people
	idle, loaded, bulk workload.Records

	alone, beside         times // latencies of the urgent sends
	aloneFlow, besideFlow *flow
	// busy is until when the broadcast went on beside the flow, from its start;
	// took is how long it went on in all.
	busy, took time.Duration
	passed     *passed
	idlePassed *passed
}

func (i *isolation) run(ctx context.Context) (err error) {
	d, err := i.rig.BeginEmpty(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.StartAll(ctx, i.Nodes, i.engine(i.rig.Partitions)); err != nil {
		return err
	}
	i.say("%s%s at %v a second, alone", i.which, report.Plural(i.idle.Len(), "urgent send"), i.rate)
	if err := i.first(ctx, d); err != nil {
		return err
	}
	// The broadcast is there before the nodes are, so that they are busy with it
	// from the beginning, and its producer is not in their way.
	if err := d.Close(); err != nil {
		return err
	}
	i.say("%spublishing %s of the broadcast", i.which, report.Plural(i.bulk.Len(), "send"))
	if err := i.publish(ctx, i.bulk); err != nil {
		return err
	}
	if err := d.Restart(ctx); err != nil {
		return err
	}
	i.say("%s%s at %v a second, beside the broadcast", i.which, report.Plural(i.loaded.Len(), "urgent send"), i.rate)
	if err := i.second(ctx, d); err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return err
	}
	i.showLogs(d)
	i.passed.verdict, err = i.check(ctx, d, inOne{i.aloneFlow.published(), i.besideFlow.published(), i.bulk})
	return err
}

// first times the urgent sends alone.
func (i *isolation) first(ctx context.Context, d *rig.Round) (err error) {
	if i.aloneFlow, err = i.newFlow(ctx, i.idle, i.rate); err != nil {
		return err
	}
	defer i.aloneFlow.close()
	i.idlePassed, err = i.flowing(ctx, d, i.aloneFlow)
	return err
}

// second times them beside the broadcast, and sees that to its end.
func (i *isolation) second(ctx context.Context, d *rig.Round) (err error) {
	f, err := i.newFlow(ctx, i.loaded, i.rate)
	if err != nil {
		return err
	}
	defer f.close()
	i.besideFlow = f
	i.passed, _, err = i.metered(ctx, d, &f.ended, func(l *listener) (last time.Time, err error) {
		f.start(ctx)
		last, err = i.follow(ctx, d, l, f, func(heard said) {
			if int(heard.ended) < i.bulk.Len() { // urgent ones are among them: it ends a little later
				i.busy = time.Since(f.began)
			}
		})
		if i.took = i.busy; err == nil && i.busy+time.Second > last.Sub(f.began) {
			last, err = i.await(ctx, d, l, i.bulk.Len()+f.published().Len(), nil)
			i.took = last.Sub(f.began)
		}
		return last, err
	})
	return err
}

// inOne are sends of several workloads.
type inOne []workload.Records

// Len returns how many there are.
func (t inOne) Len() int {
	n := 0
	for _, r := range t {
		n += r.Len()
	}
	return n
}

// ID returns the id of the ith of all.
func (t inOne) ID(i int) string {
	for _, r := range t {
		if i < r.Len() {
			return r.ID(i)
		}
		i -= r.Len()
	}
	return ""
}

// Number returns which of all an id is of.
func (t inOne) Number(id string) (int, bool) {
	before := 0
	for _, r := range t {
		if i, ok := r.Number(id); ok {
			return before + i, true
		}
		before += r.Len()
	}
	return 0, false
}

// enough is of how many sends beside the broadcast something can be said.
const enough = 100

// judge says what is wrong with a round, and whether its latencies count.
func (i *isolation) judge(r *report.Result) bool {
	problems(r, strings.TrimSuffix(i.which, ": "), i.passed)
	if !i.aloneFlow.reached(r, i.which+"alone, ", i.idlePassed) || !i.besideFlow.reached(r, i.which+"beside the broadcast, ", i.passed) {
		return false
	}
	i.alone = i.aloneFlow.within(i.WarmUp, i.aloneFlow.length())
	i.beside = i.besideFlow.within(i.WarmUp, i.counts())
	if n := i.beside.TotalCount(); n < enough {
		r.Fail(fmt.Sprintf("%sthe broadcast was over after %v, of which the first %v do not count, so that there are only %d urgent sends beside it, and %d are needed: give the broadcast --sends %d",
			i.which, i.busy.Round(time.Millisecond), i.WarmUp, n, enough, i.wanted()))
		return false
	}
	return true
}

// counts is until when urgent sends count as beside the broadcast.
func (i *isolation) counts() time.Duration { return min(i.busy, i.besideFlow.length()) }

// wanted is how many sends of a broadcast, as fast as this one, go on for as long
// as the flow: a tenth more, in steps of 10,000.
func (i *isolation) wanted() int {
	const step = 10_000
	return step * int(math.Ceil(1.1*i.bulkRate()*i.besideFlow.length().Seconds()/step))
}

// bulkRate is of a time that is not known better than the nodes are asked.
func (i *isolation) bulkRate() float64 {
	return float64(i.bulk.Len()) / max(i.took, sampled/2).Seconds()
}

// addIsolation adds what all rounds came to; their latencies, alone and beside,
// if those of all rounds count, which the last one decides. A rate of urgent and
// bulk sends together would say nothing, so there is none.
func addIsolation(r *report.Result, all []*isolation) {
	var alone, beside []times
	var aloneFlows, besideFlows []*flow
	var passes []*passed
	var counted, rates []float64
	for _, i := range all {
		alone, beside = append(alone, i.alone), append(beside, i.beside)
		aloneFlows, besideFlows = append(aloneFlows, i.aloneFlow), append(besideFlows, i.besideFlow)
		passes = append(passes, i.passed)
		counted = append(counted, max(0, i.counts()-i.WarmUp).Seconds())
		rates = append(rates, i.bulkRate())
	}
	late := besideFlows
	if last := beside[len(beside)-1]; last.Histogram == nil || last.TotalCount() < enough {
		beside, besideFlows = nil, nil
	}
	if last := alone[len(alone)-1]; last.Histogram != nil {
		addLatencies(r, alone, beside)
		r.Series = append(linesOf(aloneFlows, "alone, "), linesOf(besideFlows, "beside, ")...)
	}
	r.AddRounds("loaded_seconds", "s", counted, report.Neither).Note = "of the flow beside the broadcast count"
	rate := r.AddRounds("bulk_sends_per_second", "sends/s", rates, report.Higher)
	rate.Key, rate.Note = true, "of the broadcast"
	addFlow(r, late)
	r.Add("sends", "", float64(passes[0].verdict.Sends), report.Neither).Note = "of a round: urgent ones alone and beside the broadcast, and the broadcast"
	addUse(r, passes)
	addSeries(r, passes)
}

// addLatencies adds those of the urgent sends; beside is empty if they do not
// count.
func addLatencies(r *report.Result, alone, beside []times) {
	addTimes(r, "idle_", alone)
	idle, loaded := merged(alone), merged(beside)
	r.Percentiles = []report.Percentiles{idle.report("alone")}
	if len(beside) > 0 {
		addTimes(r, "loaded_", beside)
		r.Percentiles = append(r.Percentiles, loaded.report("beside the broadcast"))
	}
	t := report.Table{Title: "Latency of urgent sends", Note: "Of all rounds together.", Columns: []string{"percentile", "alone, ms", "beside the broadcast, ms"}}
	for _, q := range []float64{50, 75, 90, 95, 99, 99.9, 100} {
		t.Add(q, idle.cell(q), loaded.cell(q))
	}
	r.Tables = append(r.Tables, t)
}
