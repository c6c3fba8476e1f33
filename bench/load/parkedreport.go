package load

import (
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
)

// set adds it to the settings of a run.
func (s Schedule) set(settings map[string]any) {
	settings["near"], settings["fresh_disk"], settings["due"] = s.Near, s.FreshDisk, "moment"
	if s.Over > 0 {
		settings["due"], settings["over"] = "spread", s.Over
	}
}

// report puts together what a run found.
func (p *parked) report(r *report.Result, found *accounted) {
	for _, text := range found.problems(p, p.at(nearSent).parked) {
		r.Fail(text)
	}
	r.Add("sends", "", float64(p.Workload.Sends), report.Neither)
	p.addMemory(r)
	for _, s := range p.starts {
		name := "restart_"
		if s.fresh {
			name = "fresh_restart_"
		}
		r.Add(name+"seconds", "s", s.seconds, report.Lower).Key = true
		if process.Measurable {
			r.Add(name+"cpu_seconds", "s", s.cpu.Seconds(), report.Lower).Note = "of the nodes, until they are ready"
		}
	}
	n := float64(p.Near)
	seconds := p.last.Sub(p.moment).Seconds()
	r.Add("parked_per_second", "sends/s", float64(p.far.Len())/p.took.Seconds(), report.Higher).Note = "with their publishing"
	r.Add("near", "", n, report.Neither).Note = "that fell due"
	r.Add("seconds", "s", seconds, report.Lower).Note = "from when the first fell due until all had ended"
	r.Add("sends_per_second", "sends/s", n/seconds, report.Higher)
	addTimes(r, "late_", []times{found.late})
	p.addCPU(r)
	r.Add("early", "", float64(found.early), report.Lower).Counted = true
	r.AddFaults(found.near.Lost+found.far.lost(), found.near.Doubled+found.far.doubled())
	r.Add("attempts_per_send", "", float64(found.near.Attempts)/n, report.Neither).Note = "of those that fell due, by the provider's ledger"
	r.Percentiles = []report.Percentiles{found.late.report("from the time a send is due to its attempt")}
	addSeries(r, []*passed{p.due})
}

// addMemory adds what the nodes had at each look, and what that is for a send.
func (p *parked) addMemory(r *report.Result) {
	t := report.Table{
		Title: "What the nodes take", Columns: []string{"when", "parked", "resident, MiB", "heap in use, MiB", "ids, MiB", "disk, MiB"},
		Note: "after a collection of garbage; the ids are those of the dedupe window, of sends that have ended as well",
	}
	for _, l := range p.looks {
		var resident any
		if process.Measurable {
			resident = l.resident / (1 << 20)
		}
		t.Add(l.name, l.parked, resident, l.heap/(1<<20), l.ids/(1<<20), l.disk/(1<<20))
	}
	r.Tables = append(r.Tables, t)
	none, far := p.at(started), p.at(startedAgain)
	p.addEach(r, "far", float64(p.far.Len()), none, far)
	if near := p.at(nearParked); near != nil { // against nodes that have parked as well, and so are warm
		p.addEach(r, "near", float64(p.Near), p.at(farParked), near)
	}
	r.Add("disk_bytes_each", "B", (p.at(farParked).disk-none.disk)/float64(p.far.Len()), report.Lower).Note = "of the nodes, not of Kafka"
}

// addEach adds what each of n parked sends takes by two looks.
func (p *parked) addEach(r *report.Result, which string, n float64, before, after *look) {
	r.Add(which+"_bytes_each", "B", (after.heap-before.heap)/n, report.Lower).Note = "of the heap in use; its id is beside it"
	if process.Measurable {
		f := r.Add(which+"_resident_bytes_each", "B", (after.resident-before.resident)/n, report.Lower)
		f.Key, f.Note = true, "of the resident memory, with its id"
	}
}

// addCPU adds what a send costs to be parked, and to go out.
func (p *parked) addCPU(r *report.Result) {
	if !process.Measurable {
		return
	}
	each := func(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(n) }
	park, send := each(p.parking.Roles["engine"].CPU, p.far.Len()), each(p.due.Roles["engine"].CPU, p.Near)
	r.Add("engine_cpu_us_per_send", "µs", park+send, report.Lower).Key = true
	r.Add("engine_park_cpu_us", "µs", park, report.Lower).Note = "for each that is parked"
	r.Add("engine_due_cpu_us", "µs", send, report.Lower).Note = "for each that falls due, some seconds of waiting included"
	r.Add("engine_peak_rss_mib", "MiB", max(float64(p.parking.Roles["engine"].Peak), p.due.peakMiB("engine")*(1<<20))/(1<<20), report.Lower)
}
