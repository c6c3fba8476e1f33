package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
)

// Scale sends workloads of several sizes with several numbers of nodes, each as
// a broadcast, and shows what a send costs in each. c.Nodes and the workload's
// Sends do not count.
func Scale(ctx context.Context, c Config, nodes, sends []int) (*report.Result, error) {
	if len(nodes) == 0 || len(sends) == 0 {
		return nil, errors.New("give at least one number of nodes, and one of sends")
	}
	r := &report.Result{}
	t := report.Table{Title: "Cost by nodes and sends", Columns: []string{
		"nodes", "sends", "seconds", "sends/s", "engine µs/send", "plugin µs/send", "broker µs/send", "engine peak MiB", "allocs/send", "lost", "doubled",
	}}
	var all []*passed
	for i, n := range sends {
		c := c
		c.Workload.Sends, c.Nodes, c.Dir = n, slices.Max(nodes), filepath.Join(c.Dir, fmt.Sprintf("sends-%d", n))
		some, err := c.size(ctx, r, i == 0, nodes)
		if err != nil {
			return nil, fmt.Errorf("%d sends: %w", n, err)
		}
		for _, p := range some {
			t.Add(p.nodes, n, p.whole(), p.rate(), p.cost("engine"), p.cost("plugin"), p.cost("broker"), p.memory(), p.used.allocs/p.sends, p.verdict.Lost, p.verdict.Doubled)
		}
		addLines(r, fmt.Sprintf("%d sends", n), some)
		all = append(all, some...)
	}
	r.Settings["nodes"], r.Settings["sends"] = fmt.Sprint(nodes), fmt.Sprint(sends)
	r.Tables = append(r.Tables, t)
	addSums(r, all)
	return r, nil
}

// size sends one workload with each number of nodes. first begins the result.
func (c Config) size(ctx context.Context, r *report.Result, first bool, nodes []int) (all []*passed, err error) {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a directory for the run: %w", err)
	}
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if first {
		*r = *c.result("scale", s.rig)
	}
	records := c.Workload.Records(s.rig.Topic(c.Workload.Topic), "send")
	if err := s.publish(ctx, records); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		p, err := s.pass(ctx, n, records)
		if err != nil {
			return nil, fmt.Errorf("%d nodes: %w", n, err)
		}
		problems(r, fmt.Sprintf("%d nodes, %d sends", n, records.Len()), p)
		c.say("%d nodes, %d sends: %.0f sends/s, %d lost, %d doubled", n, records.Len(), p.rate(), p.verdict.Lost, p.verdict.Doubled)
		all = append(all, p)
	}
	return all, nil
}

// cost is perSend as a cell of a table, empty where it can't be had.
func (p *passed) cost(role string) any {
	if _, known := p.Roles[role]; !known {
		return nil
	}
	return p.perSend(role)
}

func (p *passed) memory() any {
	if !process.Measurable {
		return nil
	}
	return p.peakMiB("engine")
}

// addLines draws rate and cost over the number of nodes.
func addLines(r *report.Result, name string, some []*passed) {
	lines := []report.Series{
		{Name: name, Unit: "sends/s", Group: "Throughput by nodes", X: "nodes"},
		{Name: name, Unit: "µs", Group: "Engine CPU per send by nodes", X: "nodes"},
	}
	for _, p := range some {
		lines[0].Points = append(lines[0].Points, [2]float64{float64(p.nodes), p.rate()})
		lines[1].Points = append(lines[1].Points, [2]float64{float64(p.nodes), p.perSend("engine")})
	}
	if !process.Measurable {
		lines = lines[:1]
	}
	r.Series = append(r.Series, lines...)
}

// addSums adds the figures of all passes together.
func addSums(r *report.Result, all []*passed) {
	sends, lost, doubled := 0, 0, 0
	seconds := 0.0
	for _, p := range all {
		sends, lost, doubled = sends+p.verdict.Sends, lost+p.verdict.Lost, doubled+p.verdict.Doubled
		seconds += p.whole()
	}
	r.Add("sends", "", float64(sends), report.Neither).Note = "of all runs"
	r.Add("seconds", "s", seconds, report.Lower)
	most := func(name, unit string, of func(*passed) float64, better report.Better) *report.Figure {
		f := r.Add(name, unit, slices.Max(each(all, of)), better)
		f.Note = "most of all runs"
		return f
	}
	most("sends_per_second", "sends/s", (*passed).rate, report.Higher).Key = true
	if process.Measurable {
		most("engine_cpu_us_per_send", "µs", func(p *passed) float64 { return p.perSend("engine") }, report.Lower).Key = true
		most("plugin_cpu_us_per_send", "µs", func(p *passed) float64 { return p.perSend("plugin") }, report.Lower)
		most("engine_peak_rss_mib", "MiB", func(p *passed) float64 { return p.peakMiB("engine") }, report.Lower)
	}
	addFaults(r, lost, doubled)
}
