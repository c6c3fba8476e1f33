package load

import (
	"fmt"
	"slices"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
)

// addLines draws rate and cost over the number of nodes, a line for each size.
func addLines(r *report.Result, cells []*cell) {
	draw := func(title, unit string, of func(*passed) float64) {
		var line *report.Series
		for i, c := range cells {
			if i == 0 || c.size != cells[i-1].size {
				r.Series = append(r.Series, report.Series{Name: fmt.Sprintf("%d sends", c.sends), Unit: unit, Group: title, X: "nodes"})
				line = &r.Series[len(r.Series)-1]
			}
			line.Points = append(line.Points, [2]float64{float64(c.nodes), c.median(of)})
		}
	}
	draw("Throughput by nodes", "sends/s", (*passed).rate)
	if process.Measurable {
		draw("Engine CPU per send by nodes", "µs", func(p *passed) float64 { return p.perSend("engine") })
	}
}

// addSums adds the figures of all cells together.
func addSums(r *report.Result, cells []*cell) {
	sends, lost, doubled := 0, 0, 0
	seconds := 0.0
	for _, c := range cells {
		for _, p := range c.all {
			sends, lost, doubled = sends+p.verdict.Sends, lost+p.verdict.Lost, doubled+p.verdict.Doubled
			seconds += p.whole()
		}
	}
	r.Add("sends", "", float64(sends), report.Neither).Note = "of all runs"
	r.Add("seconds", "s", seconds, report.Lower)
	most := func(name, unit string, of func(*cell) float64, better report.Better) *report.Figure {
		all := make([]float64, len(cells))
		for i, c := range cells {
			all[i] = of(c)
		}
		f := r.Add(name, unit, slices.Max(all), better)
		f.Note = "most of all cells"
		return f
	}
	overRounds := func(of func(*passed) float64) func(*cell) float64 {
		return func(c *cell) float64 { return c.median(of) }
	}
	most("sends_per_second", "sends/s", overRounds((*passed).rate), report.Higher).Key = true
	if process.Measurable {
		cost := func(role string) func(*cell) float64 {
			return overRounds(func(p *passed) float64 { return p.perSend(role) })
		}
		most("engine_cpu_us_per_send", "µs", cost("engine"), report.Lower).Key = true
		ratio := func(c *cell) float64 { return median(c.ratios(cells[0])) }
		most("engine_cpu_ratio_most", "", ratio, report.Lower).Note = "of the first cell, in the same round"
		least := most("engine_cpu_ratio_least", "", func(c *cell) float64 { return -ratio(c) }, report.Neither)
		least.Value, least.Note = -least.Value, "of the first cell, in the same round"
		most("plugin_cpu_us_per_send", "µs", cost("plugin"), report.Lower)
		most("engine_peak_rss_mib", "MiB", overRounds(func(p *passed) float64 { return p.peakMiB("engine") }), report.Lower)
		most("engine_rss_bound_mib", "MiB", overRounds((*passed).boundMiB), report.Neither).Note = boundNote
	}
	r.AddFaults(lost, doubled)
}
