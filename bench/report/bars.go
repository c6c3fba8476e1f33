package report

import (
	"fmt"
	"slices"
	"strings"
)

// bars shows rates beside each other, as those of the yardsticks.
type bars struct {
	ID, Title, About string
	W, H             px
	Left, Names      px // where the bars begin, and where their names end
	Foot, Text       px // where the grid ends, and its labels stand
	Bars             []bar
	Runs             []string // for the legend; none of one alone
	Grid             []tick
}

// bar is the rate of one figure in one run, with what its rounds were.
type bar struct {
	Name  string // of the figure, at its first bar
	Value string
	Title string
	Style int

	Y, Top     px // its middle and its upper edge
	Wide, High px
	Text       px // where its value begins
	Spread     bool
	Least      px // of its rounds
	Most       px
}

const (
	barHigh  px = 20
	barGap   px = 6
	minRates    = 3 // fewer are read as easily
)

// rateBars draws the figures that are rates; nil: there are too few. All go by
// one scale, from 0, so that a bar is a share of another.
func rateBars(results []*Result, runs []string) *bars {
	names, most := rates(results)
	if len(names) < minRates || most <= 0 {
		return nil
	}
	b := &bars{ID: "rates", Title: "Rates beside each other", W: 2 * plotWide, Left: 220, Names: 210}
	if len(results) > 1 {
		b.Runs = runs
	}
	x := linear(0, most, 6, false).span(b.Left, b.W-150)
	b.Grid = x.Ticks
	y := px(8)
	for _, name := range names {
		first := true
		for i, r := range results {
			f := r.Figure(name)
			if f == nil {
				continue
			}
			one := bar{Value: withUnit(f.Value, f.Unit), Style: i % styles, Top: y, Y: y + barHigh/2, High: barHigh, Wide: x.at(f.Value) - b.Left}
			one.Text = b.Left + one.Wide + 8
			y += barHigh + barGap
			if first {
				one.Name = label(*f)
			}
			if len(f.Rounds) > 1 {
				one.Spread, one.Least, one.Most = true, x.at(slices.Min(f.Rounds)), x.at(slices.Max(f.Rounds))
				one.Text = max(one.Text, one.Most+8)
			}
			one.Title = strings.TrimSpace(fmt.Sprintf("%s: %s %s", named(runs[i], label(*f)), one.Value, spread(*f)))
			b.About += one.Title + ". "
			b.Bars = append(b.Bars, one)
			first = false
		}
		y += barGap
	}
	b.Foot, b.Text, b.H = y, y+18, y+26
	return b
}

// rates are the names of what counts something in a second, and the most of it.
func rates(results []*Result) (names []string, most float64) {
	for _, r := range results {
		for _, f := range r.Figures {
			if f.Better != Higher || !strings.HasSuffix(f.Unit, "/s") {
				continue
			}
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
			most = max(most, f.Value, slices.Max(append(f.Rounds, 0)))
		}
	}
	return names, most
}
