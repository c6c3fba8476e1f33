package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/tally"
	"github.com/carillonhq/carillon/bench/workload"
	"github.com/carillonhq/carillon/plugins/sink"
)

// leastFair is Jain's index that tenants of equal weight must reach.
const leastFair = 0.99

// fairness has many tenants share a lane that is slower than the nodes. Half of
// all sends are of one tenant and come first in the log; the others' follow, in
// turn. In a queue without tenants the first would have the lane for itself for
// half of the time.
type fairness struct {
	*stage
	records workload.Records
	order   []int // the tenant of each attempt, in the order that the provider saw
	passed  *passed
}

// shared runs it, and adds what it shows.
func (s *stage) shared(ctx context.Context, bulk workload.Workload, r *report.Result) error {
	bulk.Sends = min(bulk.Sends, 100_000)
	f := &fairness{stage: s}
	f.records = bulk.Records(s.rig.Topic(bulk.Topic), "tenants").Apps(func(i int) string {
		return fmt.Sprintf("tenant-%d", f.tenant(i))
	})
	d, err := s.rig.BeginEmpty(ctx)
	if err != nil {
		return err
	}
	err = f.run(ctx, d)
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	if f.passed.verdict, err = s.check(ctx, d, f.records); err != nil {
		return err
	}
	if err := f.read(d); err != nil {
		return err
	}
	problems(r, "tenants", f.passed)
	f.report(r)
	return nil
}

// tenant is whose the ith send is.
func (f *fairness) tenant(i int) int {
	if half := f.records.Len() / 2; i >= half {
		return 1 + (i-half)%(f.Tenants-1)
	}
	return 0
}

func (f *fairness) run(ctx context.Context, d *rig.Round) error {
	f.say("%s of %d tenants, half of them the first one's", report.Plural(f.records.Len(), "send"), f.Tenants)
	if err := f.publish(ctx, f.records); err != nil {
		return err
	}
	err := d.StartAll(ctx, f.Nodes, func(e rig.Config) {
		f.engine(f.rig.Partitions)(e)
		// As a node has it that nobody has tuned.
		e.Set(1024, "engine", "window")
		e.Set(8192, "engine", "lane_queue")
		e.Set(fmt.Sprintf("%d/s", max(100, f.records.Len()/10)), "channels", "sink", "accounts", "main", "rate")
	})
	if err != nil {
		return err
	}
	written, err := f.written(ctx)
	if err != nil {
		return err
	}
	f.passed, _, err = f.metered(ctx, d, written, func(l *listener) (_ time.Time, err error) {
		return f.await(ctx, d, l, f.records.Len(), written)
	})
	return err
}

// read takes the attempts from the provider's ledgers.
func (f *fairness) read(d *rig.Round) error {
	var all []sink.Entry
	if err := tally.ReadAttempts(d.Ledgers(), func(a sink.Entry) { all = append(all, a) }); err != nil {
		return fmt.Errorf("read which tenant had which attempt: %w", err)
	}
	slices.SortStableFunc(all, func(a, b sink.Entry) int { return a.At.Compare(b.At) })
	for _, a := range all {
		if i, ok := f.records.Number(a.ID); ok {
			f.order = append(f.order, f.tenant(i))
		}
	}
	return nil
}

// together counts the attempts of each tenant while all of them wait: from where
// each has had a tenth of what the least of them has, so that what the first had in
// the lanes before the others came is mostly through, to where the first of them is
// through. before is how many attempts there were until then.
func together(order []int, tenants int) (counts []float64, before int) {
	all, last := make([]int, tenants), make([]int, tenants)
	for i, t := range order {
		all[t]++
		last[t] = i
	}
	had, missing, begun := make([]int, tenants), tenants, max(1, slices.Min(all)/10)
	for before = 0; before < len(order) && missing > 0; before++ {
		if had[order[before]]++; had[order[before]] == begun {
			missing--
		}
	}
	counts = make([]float64, tenants)
	for i := before; i < slices.Min(last); i++ {
		counts[order[i]]++
	}
	return counts, before
}

// jain is the fairness index of shares: 1 if all are the same, 1/n if one has all.
// R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness", DEC TR-301, 1984.
func jain(shares []float64) float64 {
	var sum, squares float64
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	if sum == 0 {
		return 0
	}
	return sum * sum / (float64(len(shares)) * squares)
}

func (f *fairness) report(r *report.Result) {
	counts, before := together(f.order, f.Tenants)
	index := jain(counts)
	v := r.Add("fairness", "", index, report.Higher)
	v.Key, v.Note = true, fmt.Sprintf("Jain's index of %d tenants with the same weight, while all of them wait", f.Tenants)
	r.Add("tenants_wait", "sends", float64(before), report.Lower).Note = fmt.Sprintf(
		"of %d, until each tenant had a tenth of its own; %d of one tenant are before all others in the log", f.records.Len(), f.records.Len()/2)
	if index < leastFair {
		r.Fail(fmt.Sprintf("tenants: Jain's index of %d tenants is %.4f, and %v has to be reached: they had %v", f.Tenants, index, leastFair, counts))
	}
}
