package load

import (
	"fmt"
	"slices"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
)

func (p *passed) rate() float64 { return p.sends / p.seconds }

// whole returns the seconds in which all sends end at the rate that was measured.
func (p *passed) whole() float64 { return float64(p.verdict.Sends) / p.rate() }

// perSend returns the CPU time that a role used for each send, in µs.
func (p *passed) perSend(role string) float64 {
	return float64(p.Roles[role].CPU.Nanoseconds()) / 1e3 / p.sends
}

func (p *passed) peakMiB(role string) float64 { return float64(p.Roles[role].Peak) / (1 << 20) }

// What the memory of a node must not exceed, with configs/bench.yaml and sends
// like order-shipped: so much, and so much for each id of its dedupe window.
const (
	nodeMiB   = 300
	idBytes   = 40
	boundNote = "300 MiB a node and 40 bytes an id of its dedupe window"
)

// boundMiB is how much memory the nodes may have had.
func (p *passed) boundMiB() float64 {
	return float64(p.nodes)*nodeMiB + p.used.ids*idBytes/(1<<20)
}

// each returns a number of every pass.
func each(all []*passed, of func(*passed) float64) []float64 {
	values := make([]float64, len(all))
	for i, p := range all {
		values[i] = of(p)
	}
	return values
}

// addCost adds the figures of passes over the same sends with as many nodes.
func addCost(r *report.Result, all []*passed) {
	r.Add("sends", "", float64(all[0].verdict.Sends), report.Neither)
	r.AddSeconds(each(all, (*passed).whole))
	rate := r.AddRounds("sends_per_second", "sends/s", each(all, (*passed).rate), report.Higher)
	rate.Key = true
	if slices.ContainsFunc(all, func(p *passed) bool { return p.started }) {
		rate.Note = "with the start of the nodes: give more sends"
	}
	addUse(r, all)
}

// addUse adds those that are of no rate.
func addUse(r *report.Result, all []*passed) {
	lost, doubled, attempts := 0, 0, 0
	for _, p := range all {
		lost, doubled, attempts = lost+p.verdict.Lost, doubled+p.verdict.Doubled, attempts+p.verdict.Attempts
	}
	if process.Measurable {
		for _, role := range []string{"engine", "plugin", "broker"} {
			if _, ours := all[0].Roles[role]; ours {
				r.AddRounds(role+"_cpu_us_per_send", "µs", each(all, func(p *passed) float64 { return p.perSend(role) }), report.Lower).Key = role == "engine"
			}
		}
		sinkBusy(r, all)
		r.AddRounds("engine_peak_rss_mib", "MiB", each(all, func(p *passed) float64 { return p.peakMiB("engine") }), report.Lower)
		r.AddRounds("engine_rss_bound_mib", "MiB", each(all, (*passed).boundMiB), report.Neither).Note = boundNote
	}
	r.AddFaults(lost, doubled)
	if all[0].used.allocs > 0 {
		allocs := r.AddRounds("engine_allocs_per_send", "", each(all, func(p *passed) float64 { return p.used.allocs / p.sends }), report.Lower)
		allocs.Counted, allocs.Slack = true, 6
		bytes := r.AddRounds("engine_alloc_bytes_per_send", "B", each(all, func(p *passed) float64 { return p.used.allocated / p.sends }), report.Lower)
		bytes.Counted, bytes.Slack = true, 25
	}
	r.AddRounds("commits", "", each(all, func(p *passed) float64 { return p.used.commits }), report.Neither)
	r.Add("attempts_per_send", "", float64(attempts)/float64(len(all)*all[0].verdict.Sends), report.Neither).
		Note = "by the provider's ledger"
}

// sinkBusy remarks on a provider that may be what is measured: the sink's
// process of each node, if it kept a core busy.
func sinkBusy(r *report.Result, all []*passed) {
	cores := slices.Sorted(slices.Values(each(all, func(p *passed) float64 {
		return p.Roles["plugin"].CPU.Seconds() / p.Elapsed.Seconds() / float64(p.nodes)
	})))
	if middle := cores[len(cores)/2]; middle >= rig.Busy {
		r.Remark("the provider is a bottleneck: the sink kept %.2g cores busy on each node, so the rate is as much the sink's as the engine's. Go by the CPU for a send, or give more --nodes", middle)
	}
}

// addSeries adds the plots of the last pass, and the throughput of each.
func addSeries(r *report.Result, all []*passed) {
	for i, p := range all {
		for _, s := range p.Series {
			switch {
			case s.Group == "Throughput" && len(all) > 1:
				s.Name = fmt.Sprintf("round %d", i+1)
			case i < len(all)-1:
				continue
			}
			r.Series = append(r.Series, s)
		}
	}
}
