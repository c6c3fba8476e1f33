package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/workload"
)

// cell is one size with one number of nodes.
type cell struct {
	*size
	nodes int
	all   []*passed // by round
}

// size is a workload that has been published, on a broker of its own.
type size struct {
	*stage
	sends   int
	records workload.Records
}

// Scale sends workloads of several sizes with several numbers of nodes, each as
// a broadcast, and shows what a send costs in each. c.Nodes and the workload's
// Sends do not count. The cells take turns, in rounds.
func Scale(ctx context.Context, c Config, nodes, sends []int, rounds int) (_ *report.Result, err error) {
	if len(nodes) == 0 || len(sends) == 0 || rounds < 1 {
		return nil, errors.New("give at least one number of nodes, one of sends, and one round")
	}
	var cells []*cell
	for _, n := range sends {
		s, err := c.size(ctx, n, slices.Max(nodes))
		if err != nil {
			return nil, fmt.Errorf("%d sends: %w", n, err)
		}
		defer func() { err = errors.Join(err, s.close()) }()
		for _, k := range nodes {
			cells = append(cells, &cell{size: s, nodes: k})
		}
	}
	r := c.result("scale", cells[0].rig)
	r.Settings["nodes"], r.Settings["sends"] = list(nodes), list(sends)
	r.Settings["rounds"], r.Settings["warm_up"] = rounds, c.Ahead
	if err := c.begun(r); err != nil {
		return nil, err
	}
	for i := range rounds {
		if err := takeTurns(ctx, r, cells, i); err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	r.Tables = append(r.Tables, costs(cells))
	addLines(r, cells)
	addSums(r, cells)
	return r, nil
}

// list writes numbers as the flags take them.
func list(all []int) string { return strings.ReplaceAll(strings.Trim(fmt.Sprint(all), "[]"), " ", ",") }

// size publishes so many sends, and those that go ahead.
func (c Config) size(ctx context.Context, sends, nodes int) (*size, error) {
	c.Workload.Sends, c.Nodes = sends+c.Ahead, nodes
	c.Dir = filepath.Join(c.Dir, fmt.Sprintf("sends-%d", sends))
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a directory for the run: %w", err)
	}
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	records := c.Workload.Records(s.rig.Topic(c.Workload.Topic), "send")
	if err := s.publish(ctx, records); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &size{s, sends, records}, nil
}

// takeTurns has every cell send once; every other round goes the other way, so
// that a machine that gets slower makes all of them so.
func takeTurns(ctx context.Context, r *report.Result, cells []*cell, round int) error {
	order := slices.Clone(cells)
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, c := range order {
		which := report.Plural(c.nodes, "node") + ", " + report.Plural(c.sends, "send")
		p, err := c.pass(ctx, c.nodes, c.records)
		if err != nil {
			return fmt.Errorf("%s: %w", which, err)
		}
		problems(r, fmt.Sprintf("round %d, %s", round+1, which), p)
		c.say("round %d, %s: %s sends/s, %.2f µs, %d lost, %d doubled", round+1, which, report.Whole(p.rate()), p.perSend("engine"), p.verdict.Lost, p.verdict.Doubled)
		c.all = append(c.all, p)
	}
	return nil
}

// costs is the table: what a send costs in each cell, and as a share of the first
// one in the same round.
func costs(cells []*cell) report.Table {
	t := report.Table{
		Title: "Cost by nodes and sends", Note: "Medians of the rounds. The bound is " + boundNote + ".",
		Columns: []string{
			"nodes", "sends", "sends/s", "engine µs/send", "of the first", "least", "most", "plugin µs/send", "broker µs/send",
			"engine peak MiB", "bound MiB", "allocs/send", "lost", "doubled",
		},
	}
	for _, c := range cells {
		ratios := c.ratios(cells[0])
		lost, doubled := 0, 0
		for _, p := range c.all {
			lost, doubled = lost+p.verdict.Lost, doubled+p.verdict.Doubled
		}
		t.Add(c.nodes, c.sends, c.median((*passed).rate), c.cost("engine"),
			measured(median(ratios)), measured(slices.Min(ratios)), measured(slices.Max(ratios)), c.cost("plugin"), c.cost("broker"),
			measured(slices.Max(each(c.all, func(p *passed) float64 { return p.peakMiB("engine") }))), c.median((*passed).boundMiB),
			c.median(func(p *passed) float64 { return p.used.allocs / p.sends }), lost, doubled)
	}
	return t
}

// ratios are the engine's costs as shares of those of another cell, by round.
func (c *cell) ratios(first *cell) []float64 {
	ratios := each(c.all, func(p *passed) float64 { return p.perSend("engine") })
	for i, p := range first.all {
		if cost := p.perSend("engine"); cost > 0 {
			ratios[i] /= cost
		} else {
			ratios[i] = 1 // less than the kernel counts: nothing is known
		}
	}
	return ratios
}

func (c *cell) median(of func(*passed) float64) float64 { return median(each(c.all, of)) }

// cost is what a send costs a role, empty where it can't be had.
func (c *cell) cost(role string) any {
	if _, known := c.all[0].Roles[role]; !known {
		return nil
	}
	return c.median(func(p *passed) float64 { return p.perSend(role) })
}

// measured is a number as a cell of a table, empty where processes can't be
// measured.
func measured(v float64) any {
	if !process.Measurable {
		return nil
	}
	return v
}
