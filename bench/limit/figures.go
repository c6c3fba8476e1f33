package limit

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
)

// names are those of the figures of each kind: of its rate, and what those of
// its CPU begin with.
var names = map[string]struct{ rate, prefix string }{
	Engine:       {"sends_per_second", ""},
	ReaderWriter: {"reader_writer_per_second", "reader_writer_"},
	Raw:          {"raw_per_second", "raw_"},
	PluginStream: {"plugin_stream_per_second", "plugin_stream_"},
	Pebble:       {"pebble_writes_per_second", "pebble_"},
	PebbleSets:   {"pebble_sets_per_second", "pebble_sets_"},
	Bare:         {"bare_per_second", "bare_"},
	SMTPSource:   {"smtp_source_per_second", "smtp_source_"},
}

// notes say what a rate is of.
var notes = map[string]string{
	Engine:       "the whole path: sends, decoded and deduplicated, through a plugin, to status",
	ReaderWriter: "kafka-go's Reader and Writer, what one would write by hand: the yardstick, 1.0",
	Raw:          "engine/kafka's fetch and produce, every record read and written anew",
	PluginStream: "batches of 128 to the sink's process and verdicts back, with mutual TLS; no Kafka",
	Pebble:       "one packed journal entry for each 256 sends; nothing else",
	PebbleSets:   "one key at a random place for each send; nothing else",
	Bare:         "a loop that sends the same messages to the same provider, as one would write it by hand: the yardstick, 1.0",
	SMTPSource:   "postfix's own load generator, its start included: as many mails of the same size",
}

// result is what all turns come to.
func (r *run) result(command string, began time.Time) *report.Result {
	res := &report.Result{Command: command, Started: began, Passed: true, Machine: report.ThisMachine(), Versions: map[string]string{"go": runtime.Version()}}
	r.settings(res)
	res.Add("sends", "", float64(r.sends.Len()), report.Neither)
	for _, kind := range r.shown() {
		r.figures(res, kind)
	}
	r.ratios(res)
	r.table(res)
	return res
}

// shown returns the kinds that took their turns, in the order in which they are
// shown.
func (r *run) shown() []string {
	return slices.DeleteFunc(append(Kinds(), Bare, SMTPSource), func(kind string) bool { return len(r.turns[kind]) == 0 })
}

func (r *run) settings(res *report.Result) {
	res.Broker = "none"
	if r.rig != nil {
		res.Broker = r.rig.Broker.Name
	}
	res.Settings = r.Workload.Map()
	res.Settings["rounds"], res.Settings["partitions"], res.Settings["only"] = r.Rounds, r.Partitions, strings.Join(r.Kinds, ",")
}

// figures are those of one program.
func (r *run) figures(res *report.Result, kind string) {
	if kind == Engine {
		res.AddSeconds(r.each(kind, func(t turn) float64 { return float64(r.sends.Len()) / t.rate() })).Better = report.Neither
	}
	rate := res.AddRounds(names[kind].rate, "sends/s", r.each(kind, turn.rate), report.Higher)
	rate.Key, rate.Note = kind == Engine, notes[kind]
	if slices.ContainsFunc(r.turns[kind], func(t turn) bool { return t.started }) {
		rate.Note = "with the start of the process: give more sends; " + rate.Note
	}
	r.usage(res, kind)
	if kind != Engine {
		return
	}
	// What the speed of a machine has no part in. Runs differ by half the slack:
	// how many sends share a batch, and how many buffers there are, is chance.
	objects := res.AddRounds("engine_allocs_per_send", "", r.each(kind, func(t turn) float64 {
		return t.allocs / float64(r.sends.Len())
	}), report.Lower)
	objects.Counted, objects.Slack = true, 6
	bytes := res.AddRounds("engine_alloc_bytes_per_send", "B", r.each(kind, func(t turn) float64 {
		return t.allocated / float64(r.sends.Len())
	}), report.Lower)
	bytes.Counted, bytes.Slack = true, 25
	// Anything else ends the run with an error.
	res.AddFaults(0, 0)
	if process.Measurable && r.beside == nil {
		r.sinkBusy(res)
	}
}

// sinkBusy remarks on a sink that may be what is measured.
func (r *run) sinkBusy(res *report.Result) {
	if cores := res.AddRounds("plugin_cores", "cores", r.each(Engine, func(t turn) float64 { return t.cores("plugin") }), report.Neither); cores.Value >= rig.Busy {
		res.Remark("the plugin is a bottleneck: its process keeps %.2g cores busy, so the engine's rate is as much the plugin's. Go by the CPU for a send", cores.Value)
	}
}

// usage are the CPU of the processes that take part, by what they are, and the
// most memory of the program itself; nothing where it can't be read.
func (r *run) usage(res *report.Result, kind string) {
	prefix, own := names[kind].prefix, ""
	if kind == Engine {
		own = "engine_"
	}
	known := r.turns[kind][0].use
	for _, role := range []string{kind, "plugin", "broker", Simulator} {
		if _, ok := known[role]; !ok {
			continue
		}
		who := role + "_"
		if role == kind {
			who = own
		}
		res.AddRounds(prefix+who+"cpu_us_per_send", "µs", r.each(kind, func(t turn) float64 { return t.perSend(role) }), report.Lower)
	}
	if known[kind].Peak > 0 {
		res.AddRounds(prefix+own+"peak_rss_mib", "MiB", r.each(kind, func(t turn) float64 {
			return float64(t.use[kind].Peak) / (1 << 20)
		}), report.Lower)
	}
}

// each returns a value of each turn of a kind.
func (r *run) each(kind string, value func(turn) float64) []float64 {
	var all []float64
	for _, t := range r.turns[kind] {
		all = append(all, value(t))
	}
	return all
}
