package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// row is one plot of each run, beside each other and on the same axes.
type row struct {
	Time  bool // the plots are over time, not by what else was changed
	Plots []plot
}

// kind is what the series of one plot have in common.
type kind struct{ group, unit, x string }

// seriesRows draws the series of all runs, a row for each group.
func seriesRows(results []*Result, runs []string) []row {
	var kinds []kind
	for _, r := range results {
		for _, s := range r.Series {
			if k := (kind{s.Group, s.Unit, s.X}); len(s.Points) > 0 && !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	var rows []row
	for n, k := range kinds {
		var names []string
		var everything []Series
		of := make([][]Series, len(results))
		for i, r := range results {
			for _, s := range r.Series {
				if (kind{s.Group, s.Unit, s.X}) != k || len(s.Points) == 0 {
					continue
				}
				of[i] = append(of[i], s)
				if !slices.Contains(names, s.Name) {
					names = append(names, s.Name)
				}
			}
			everything = append(everything, of[i]...)
		}
		current := row{Time: k.x == ""}
		for i := range results {
			if len(of[i]) > 0 {
				p := seriesPlot(k, of[i], names, everything)
				p.ID, p.Run = "plot-"+strconv.Itoa(n)+"-"+strconv.Itoa(i), runs[i]
				current.Plots = append(current.Plots, p)
			}
		}
		rows = append(rows, current)
	}
	return rows
}

// seriesPlot draws those of one run; the axes have room for everything.
func seriesPlot(k kind, own []Series, names []string, everything []Series) plot {
	low, high, whole := bounds(everything)
	x := xAxis(k, low[0], high[0], whole)
	y := linear(min(0, low[1]), high[1], 4, false)
	y.Label = k.unit
	p := plot{Title: k.group}
	p.frame(x, y)
	for _, s := range own {
		p.add(s.Name, summary(s), slices.Index(names, s.Name), s.Points)
		p.About += fmt.Sprintf("%s: %s. ", s.Name, summary(s))
	}
	p.About = fmt.Sprintf("%s by %s. ", k.unit, x.Label) + p.About
	if k.x == "" {
		p.fill()
	}
	p.hover(own, func(v float64) string {
		if k.x == "" {
			return "after " + withUnit(v, "s")
		}
		return k.x + " " + number(v)
	})
	return p
}

// xAxis is one of time, or of what else was changed: by powers of ten where that
// was changed a lot.
func xAxis(k kind, low, high float64, whole bool) axis {
	if k.x == "" {
		return clock(high)
	}
	var a axis
	if low > 0 && high/low >= 20 {
		a = logarithmic(low, high, 6)
	} else {
		a = linear(low, high, 6, whole)
	}
	a.Label = k.x
	return a
}

// bounds returns the least and the most of x and y, and whether all x are whole.
func bounds(all []Series) (low, high [2]float64, whole bool) {
	low, high, whole = [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}, true
	for _, s := range all {
		for _, at := range s.Points {
			for i := range at {
				low[i], high[i] = min(low[i], at[i]), max(high[i], at[i])
			}
			whole = whole && at[0] == math.Trunc(at[0])
		}
	}
	return low, high, whole
}

// summary says what a line's values are, for its legend.
func summary(s Series) string {
	if len(s.Points) == 1 {
		return withUnit(s.Points[0][1], s.Unit)
	}
	values := make([]float64, len(s.Points))
	for i, at := range s.Points {
		values[i] = at[1]
	}
	return fmt.Sprintf("median %s, most %s", number(median(values)), withUnit(slices.Max(values), s.Unit))
}

// latencyPlot draws the percentiles of all runs in one plot; nil: there are none.
func latencyPlot(results []*Result, runs []string) *plot {
	highest, low, high := 0.0, math.Inf(1), 0.0
	for _, r := range results {
		for _, d := range r.Percentiles {
			for _, at := range d.Points {
				if at.Percentile < 100 {
					highest = max(highest, at.Percentile)
				}
				if at.Ms > 0 {
					low, high = min(low, at.Ms), max(high, at.Ms)
				}
			}
		}
	}
	if high == 0 {
		return nil
	}
	y := linear(0, high, 4, false)
	if high/low >= 30 {
		y = logarithmic(low, high, 10)
	}
	y.Label = "ms"
	p := &plot{ID: "latency", Title: "Latency"}
	p.frame(rarity(highest), y)
	var all []Series
	for i, r := range results {
		for _, d := range r.Percentiles {
			s := Series{Name: named(runs[i], d.Name), Unit: "ms"}
			for _, at := range d.Points {
				s.Points = append(s.Points, [2]float64{at.Percentile, at.Ms})
			}
			p.add(s.Name, "p99 "+withUnit(d.at(99), "ms"), len(all), s.Points)
			p.About += fmt.Sprintf("%s: p50 %s ms, p99 %s ms. ", s.Name, number(d.at(50)), number(d.at(99)))
			all = append(all, s)
		}
	}
	p.About = "Latency in milliseconds by percentile. " + p.About
	p.hover(all, func(v float64) string { return "p" + strconv.FormatFloat(tidyPercentile(v), 'f', -1, 64) })
	return p
}

// tidyPercentile leaves of a histogram's odd percentiles what a reader needs.
func tidyPercentile(v float64) float64 {
	rest := tidy(100 - v)
	out, _ := strconv.ParseFloat(strconv.FormatFloat(100-rest, 'f', 9, 64), 64)
	return out
}

// at returns the milliseconds that so many percent took at most: those of the
// first point from there on, as a histogram has it, if it is near: it leaves out
// three quarters at least of what the percentile does. NaN: none is.
func (d Percentiles) at(percentile float64) float64 {
	for _, at := range d.Points {
		if at.Percentile >= percentile-1e-9 {
			if 100-at.Percentile < 0.75*(100-percentile)-1e-9 {
				break
			}
			return at.Ms
		}
	}
	return math.NaN()
}

func named(run, name string) string {
	if run == "" {
		return name
	}
	return run + " " + name
}
