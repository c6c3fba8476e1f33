package limit

import (
	"slices"

	"github.com/carillonhq/carillon/bench/report"
)

// shares are the figures of the engine's rate as a share of another's.
var shares = map[string]string{
	ReaderWriter: "ratio",
	Raw:          "share_of_raw",
	PluginStream: "share_of_plugin_stream",
	Pebble:       "share_of_pebble",
	PebbleSets:   "share_of_pebble_sets",
	Bare:         "ratio",
	SMTPSource:   "share_of_smtp_source",
}

// ratios are of rates in the same round, which had about the same machine.
func (r *run) ratios(res *report.Result) {
	for _, kind := range r.shown() {
		all := r.shares(kind)
		if len(all) == 0 {
			continue
		}
		f := res.AddRounds(shares[kind], "", all, report.Higher)
		if kind == ReaderWriter || kind == Bare {
			f.Key, f.Note = true, "the engine's rate as a share of the yardstick's"
			res.Add("ratio_min", "", slices.Min(all), report.Higher)
			res.Add("ratio_max", "", slices.Max(all), report.Higher)
		}
	}
}

// shares returns the engine's rate as a share of a kind's, by the round; nothing
// where one of them takes no part.
func (r *run) shares(kind string) []float64 {
	if kind == Engine || len(r.turns[Engine]) == 0 {
		return nil
	}
	var all []float64
	for i, t := range r.turns[kind] {
		all = append(all, r.turns[Engine][i].rate()/t.rate())
	}
	return all
}

// table shows the programs beside each other.
func (r *run) table(res *report.Result) {
	t := report.Table{
		Title:   "What is possible here, and the engine as a share of it",
		Note:    "Each figure is the median of the rounds. CPU is in µs per send.",
		Columns: []string{"program", "sends/s", "least", "most", "own CPU"},
	}
	others := []string{"plugin", "broker"}
	if res.Figure(Simulator+"_cpu_us_per_send") != nil || res.Figure("bare_"+Simulator+"_cpu_us_per_send") != nil {
		others = append(others, Simulator)
	}
	for _, role := range others {
		t.Columns = append(t.Columns, role+" CPU")
	}
	t.Columns = append(t.Columns, "peak MiB", "engine's share")
	for _, kind := range r.shown() {
		prefix := names[kind].prefix
		own, peak := prefix+"cpu_us_per_send", prefix+"peak_rss_mib"
		if kind == Engine {
			own, peak = "engine_"+own, "engine_"+peak
		}
		rate := res.Figure(names[kind].rate)
		row := []any{kind, rate.Value, slices.Min(rate.Rounds), slices.Max(rate.Rounds), cell(res, own)}
		for _, role := range others {
			row = append(row, cell(res, prefix+role+"_cpu_us_per_send"))
		}
		t.Add(append(row, cell(res, peak), cell(res, shares[kind]))...)
	}
	res.Tables = append(res.Tables, t)
}

// cell is a figure's value, or nothing.
func cell(res *report.Result, name string) any {
	if f := res.Figure(name); f != nil {
		return f.Value
	}
	return nil
}
