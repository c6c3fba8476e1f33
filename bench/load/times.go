package load

import (
	"fmt"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/carillonhq/carillon/bench/report"
)

// longest is the latency above which all are counted as so long.
const longest = time.Hour

// percentiles are those that are shown and drawn.
var percentiles = []float64{0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999, 100}

// times is a distribution of latencies in µs, to three digits.
type times struct{ *hdrhistogram.Histogram }

func newTimes() times { return times{hdrhistogram.New(1, longest.Microseconds(), 3)} }

func (t times) add(µs uint32) {
	_ = t.RecordValue(min(int64(µs), longest.Microseconds())) // which is in its range
}

// ms returns the latency that a percentage of all did not exceed.
func (t times) ms(percentile float64) float64 { return float64(t.ValueAtPercentile(percentile)) / 1e3 }

// cell is the same for a table: empty where it tells nothing.
func (t times) cell(percentile float64) any {
	if !report.Tells(t.TotalCount(), percentile) {
		return nil
	}
	return t.ms(percentile)
}

// report returns the distribution, without the percentiles that tell nothing.
func (t times) report(name string) report.Percentiles {
	p := report.Percentiles{Name: name, Count: t.TotalCount()}
	for _, q := range percentiles {
		if report.Tells(p.Count, q) {
			p.Points = append(p.Points, report.Percentile{Percentile: q, Ms: t.ms(q)})
		}
	}
	return p
}

// addTimes adds the figures of distributions, one for each round, which begin
// with prefix, without the percentiles that tell nothing of the smallest round.
// The key figure is p99, or the furthest below it.
func addTimes(r *report.Result, prefix string, rounds []times) {
	least := rounds[0].TotalCount()
	for _, t := range rounds {
		least = min(least, t.TotalCount())
	}
	key := ""
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p999", 99.9}, {"p9999", 99.99}, {"max", 100}} {
		if !report.Tells(least, q.at) {
			continue
		}
		all := make([]float64, len(rounds))
		for i, t := range rounds {
			all[i] = t.ms(q.at)
		}
		name := prefix + q.name + "_ms"
		if r.AddRounds(name, "ms", all, report.Lower); q.at <= 99 {
			key = name
		}
	}
	if f := r.Figure(key); f != nil {
		f.Key = true
	}
	counts := make([]float64, len(rounds))
	for i, t := range rounds {
		counts[i] = float64(t.TotalCount())
	}
	r.AddRounds(prefix+"sends", "", counts, report.Neither).Note = "that these are of"
}

// latencies returns a distribution of each flow.
func latencies(flows []*flow, of func(*flow) times) []times {
	all := make([]times, len(flows))
	for i, f := range flows {
		all[i] = of(f)
	}
	return all
}

// merged is the distribution of all rounds together.
func merged(rounds []times) times {
	all := newTimes()
	for _, t := range rounds {
		all.Merge(t.Histogram)
	}
	return all
}

// linesOf are the lines of a plot: p50 and p99 of one flow, or p99 of each.
func linesOf(flows []*flow, name string) (lines []report.Series) {
	if len(flows) == 1 {
		return flows[0].overTime(name, time.Second)
	}
	for i, f := range flows {
		lines = append(lines, f.overTime(fmt.Sprintf("%sround %d, ", name, i+1), time.Second)[1])
	}
	return lines
}

// within returns the distribution of the sends that were due in a part of the
// flow.
func (f *flow) within(from, to time.Duration) times {
	t := newTimes()
	for i, µs := range f.took {
		if at := f.due(i).Sub(f.began); µs > 0 && at >= from && at < to {
			t.add(µs)
		}
	}
	return t
}

// length is from the first send that is due until after the last one.
func (f *flow) length() time.Duration { return f.due(len(f.took)).Sub(f.began) }

// overTime returns percentiles of the sends due in each window, from the start
// of the flow, as lines of a plot.
func (f *flow) overTime(name string, window time.Duration) []report.Series {
	lines := make([]report.Series, 2)
	at := []float64{50, 99}
	for l := range lines {
		lines[l] = report.Series{Name: fmt.Sprintf("%sp%v", name, at[l]), Unit: "ms", Group: "Latency"}
	}
	var some []uint32
	flush := func(end time.Duration) {
		if len(some) > 0 {
			slices.Sort(some)
			for l := range lines {
				v := some[min(len(some)-1, int(float64(len(some))*at[l]/100))]
				lines[l].Points = append(lines[l].Points, [2]float64{end.Seconds(), float64(v) / 1e3})
			}
		}
		some = some[:0]
	}
	end := window
	for i, µs := range f.took {
		for ; f.due(i).Sub(f.began) >= end; end += window {
			flush(end)
		}
		if µs > 0 {
			some = append(some, µs)
		}
	}
	flush(end)
	return lines
}
