package limit

import (
	"fmt"
	"strings"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
)

// cores is how many a role kept busy.
func (t turn) cores(role string) float64 { return t.use[role].CPU.Seconds() / t.took.Seconds() }

// total is the CPU time of all that took part, in µs for each send.
func (t turn) total() float64 {
	sum := 0.0
	for role := range t.use {
		sum += t.perSend(role)
	}
	return sum
}

// settings are those of any run, and of the connections to the provider.
func (r *channelRun) settings(res *report.Result) {
	r.run.settings(res)
	res.Settings["connections"] = r.provider.connections
	res.Settings["tls"], res.Settings["signed"] = false, r.provider.channel == Webhook
}

// about adds what is a channel's alone.
func (r *channelRun) about(res *report.Result) {
	r.settings(res)
	if !process.Measurable {
		return
	}
	if engine, client := r.turns[Engine], r.turns[Bare]; len(engine) > 0 && len(client) > 0 {
		var all []float64
		for i, t := range engine {
			all = append(all, client[i].total()/t.total())
		}
		res.AddRounds("cpu_ratio", "", all, report.Higher).Note =
			"CPU of the bare loop and the simulator for a send, as a share of that of engine, plugin, broker and simulator: the ratio where all cores are busy"
	}
	var held []string
	for _, kind := range r.shown() {
		all := r.each(kind, func(t turn) float64 { return t.cores(Simulator) })
		f := res.AddRounds(names[kind].prefix+"simulator_cores", "cores", all, report.Neither)
		f.Note = "that the simulator kept busy meanwhile"
		if f.Value >= rig.Busy {
			held = append(held, fmt.Sprintf("%s (%.2g cores)", kind, f.Value))
		}
	}
	if len(held) > 0 {
		res.Remark("the simulator is a bottleneck: of %s it keeps a core busy, or more. Those rates are as much the simulator's as the program's: go by the CPU for a send", strings.Join(held, " and "))
	}
}
