package load

import (
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
				r.Series = append(r.Series, report.Series{Name: report.Plural(c.sends, "send"), Unit: unit, Group: title, X: "nodes"})
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

// addSums adds the figures of the first case, how far the others are from it, and
// what was wrong in any.
func addSums(r *report.Result, cells []*cell) {
	first := cells[0]
	rates := each(first.all, (*passed).rate)
	r.Add("sends", "", float64(first.sends), report.Neither).Note = "of a round, without those ahead"
	r.AddSeconds(each(first.all, func(p *passed) float64 { return float64(first.sends) / p.rate() }))
	r.AddRounds("sends_per_second", "sends/s", rates, report.Higher).Key = true
	if process.Measurable {
		of := func(name, unit string, get func(*passed) float64) *report.Figure {
			return r.AddRounds(name, unit, each(first.all, get), report.Lower)
		}
		of("engine_cpu_us_per_send", "µs", func(p *passed) float64 { return p.perSend("engine") }).Key = true
		of("plugin_cpu_us_per_send", "µs", func(p *passed) float64 { return p.perSend("plugin") })
		of("engine_peak_rss_mib", "MiB", func(p *passed) float64 { return p.peakMiB("engine") })
		bound := of("engine_rss_bound_mib", "MiB", (*passed).boundMiB)
		bound.Better, bound.Note = report.Neither, boundNote
		addRatios(r, cells)
	}
	lost, doubled := 0, 0
	for _, c := range cells {
		for _, p := range c.all {
			lost, doubled = lost+p.verdict.Lost, doubled+p.verdict.Doubled
		}
	}
	r.AddFaults(lost, doubled)
	if len(cells) > 1 {
		r.Remark("the figures are those of the first case, nodes %d with sends %d, but for the ratios, and lost and doubled, which are of all cases: the table has the others", first.nodes, first.sends)
	}
}

// addRatios adds how much the engine's cost in the cheapest and the dearest case
// is of that in the first.
func addRatios(r *report.Result, cells []*cell) {
	all := make([]float64, len(cells))
	for i, c := range cells {
		all[i] = median(c.ratios(cells[0]))
	}
	const note = "of the first case, in the same round"
	r.Add("engine_cpu_ratio_most", "", slices.Max(all), report.Lower).Note = note
	r.Add("engine_cpu_ratio_least", "", slices.Min(all), report.Neither).Note = note
}
