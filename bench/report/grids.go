package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// fewCards is how many figures are big at least, if there are as many.
const fewCards = 4

// keys are the names of the figures that are shown big: those that are marked,
// and where those are few, the first others with a direction.
func keys(results []*Result) []string {
	var marked, others []string
	for _, r := range results {
		for _, f := range r.Figures {
			if f.Key && !slices.Contains(marked, f.Name) {
				marked = append(marked, f.Name)
			}
			if !f.Key && f.Better != Neither && !slices.Contains(others, f.Name) {
				others = append(others, f.Name)
			}
		}
	}
	for _, name := range others {
		if len(marked) < fewCards && !slices.Contains(marked, name) {
			marked = append(marked, name)
		}
	}
	return marked
}

func cards(results []*Result, names []string) []card {
	var all []card
	for _, name := range keys(results) {
		c := card{}
		for i, r := range results {
			v := value1{Run: names[i], Value: nothing}
			if f := r.Figure(name); f != nil {
				c.Label, c.Note = label(*f), f.Note
				v.Value, v.Unit, v.Spread = number(f.Value), f.Unit, spread(*f)
			}
			c.Runs = append(c.Runs, v)
		}
		all = append(all, c)
	}
	return all
}

// figureGrid has every figure, a column for each run.
func figureGrid(results []*Result, runs []string) *grid {
	g := &grid{Title: "All figures", Columns: []string{"figure"}, Right: []bool{false}}
	if len(results) == 1 {
		g.Columns, g.Right = append(g.Columns, "value", "unit", "rounds", "better", ""), []bool{false, true, false, false, false, false}
		for _, f := range results[0].Figures {
			g.Rows = append(g.Rows, []string{label(f), number(f.Value), f.Unit, spread(f), string(f.Better), f.Note})
		}
		return g
	}
	var names []string
	for _, r := range results {
		for _, f := range r.Figures {
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
	}
	for _, run := range runs {
		g.Columns, g.Right = append(g.Columns, run), append(g.Right, true)
	}
	g.Columns, g.Right = append(g.Columns, "unit", "better"), append(g.Right, false, false)
	for _, name := range names {
		cells := []string{""}
		var last Figure
		for _, r := range results {
			f := r.Figure(name)
			if f == nil {
				cells = append(cells, nothing)
				continue
			}
			last = *f
			cells = append(cells, number(f.Value))
		}
		cells[0] = label(last)
		g.Rows = append(g.Rows, append(cells, last.Unit, string(last.Better)))
	}
	return g
}

// latencyGrid has the usual percentiles of every distribution.
func latencyGrid(results []*Result, runs []string) grid {
	usual := []float64{50, 90, 99, 99.9, 99.99, 100}
	g := grid{Columns: []string{"latency in ms"}, Right: []bool{false}}
	for _, p := range usual {
		name := "p" + strconv.FormatFloat(p, 'f', -1, 64)
		if p == 100 {
			name = "most"
		}
		g.Columns, g.Right = append(g.Columns, name), append(g.Right, true)
	}
	g.Columns, g.Right = append(g.Columns, "of"), append(g.Right, true)
	for i, r := range results {
		for _, d := range r.Percentiles {
			cells := []string{named(runs[i], d.Name)}
			for _, p := range usual {
				v := d.at(p)
				if p == 100 && len(d.Points) > 0 {
					v = d.Points[len(d.Points)-1].Ms
				} else if d.Count > 0 && !Tells(d.Count, p) {
					v = math.NaN()
				}
				cells = append(cells, number(v))
			}
			g.Rows = append(g.Rows, append(cells, count(d.Count)))
		}
	}
	return g
}

func tableGrid(t Table, run string) grid {
	g := grid{Title: t.Title, Note: t.Note, Run: run, Columns: t.Columns, Right: t.numbers()}
	for _, row := range t.Rows {
		g.Rows = append(g.Rows, texts(row))
	}
	return g
}

// Headed is the title, with the run where there are several.
func (g grid) Headed() string {
	if g.Run == "" {
		return g.Title
	}
	return fmt.Sprintf("%s: %s", g.Run, g.Title)
}
