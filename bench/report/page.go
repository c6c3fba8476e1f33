package report

import (
	_ "embed" // the page
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// maxResults is how many are told apart beside each other.
const maxResults = styles

// page is what the template shows: a part for each command.
type page struct {
	Title string
	CSS   template.CSS
	Parts []part
}

// part shows the runs of one command beside each other.
type part struct {
	Command string
	Runs    []run
	Many    bool
	Facts   []fact
	Keys    []card
	Figures *grid // nil: they are all in Change
	Change  *change2
	Rates   *bars
	Over    []row // time: of several runs a row for each plot
	By      []row // what was changed
	Latency *plot
	Spans   grid // of latencies
	Tables  []grid
}

type run struct {
	Name     string // A, B, ...; "" of one alone
	Summary  string
	Started  string // and the file
	Passed   bool
	Problems []string
	Remarks  []string
}

// fact is a row of what ran: machine, broker, settings.
type fact struct {
	Name    string
	Values  []string
	Differs bool
}

// card is a figure shown big.
type card struct {
	Label string
	Note  string
	Runs  []value1
}

type value1 struct{ Run, Value, Unit, Spread string }

// grid is a table, ready to be shown.
type grid struct {
	Title, Note string
	Run         string
	Columns     []string
	Right       []bool
	Rows        [][]string
}

// change2 is the comparison of two runs.
type change2 struct {
	Warnings []string
	Note     string
	Rows     []changeRow
}

type changeRow struct{ Name, Before, After, Unit, Percent, Noise, Verdict, Class string }

// WriteHTML writes one page that shows the results: it needs no other file, no
// network and no script. Those of one command stand beside each other.
func WriteHTML(w io.Writer, results ...*Result) error {
	if len(results) == 0 {
		return errors.New("a report needs a result")
	}
	p := page{CSS: template.CSS(pageCSS)}
	var commands []string
	of := map[string][]*Result{}
	for _, r := range results {
		if err := r.check(); err != nil {
			return fmt.Errorf("a result of bench %s: %w", r.Command, err)
		}
		if of[r.Command] == nil {
			commands = append(commands, r.Command)
		}
		of[r.Command] = append(of[r.Command], r)
	}
	for i, command := range commands {
		if len(of[command]) > maxResults {
			return fmt.Errorf("%d results of bench %s are too many to tell apart: show at most %d", len(of[command]), command, maxResults)
		}
		p.Parts = append(p.Parts, newPart(command, of[command], fmt.Sprintf("p%d-", i+1)))
	}
	p.Title = "Carillon bench " + strings.Join(commands, ", ")
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// newPart prepares the results of one command; prefix makes its ids its own.
func newPart(command string, results []*Result, prefix string) part {
	p := part{Command: command, Many: len(results) > 1}
	names := make([]string, len(results))
	for i, r := range results {
		if p.Many {
			names[i] = side(i)
		}
		p.Runs = append(p.Runs, run{
			Name: names[i], Summary: r.headline(), Started: strings.TrimSuffix(r.Started.UTC().Format("2 January 2006, 15:04 UTC")+" · "+r.File, " · "), Passed: r.Passed, Problems: r.Problems, Remarks: r.Remarks,
		})
	}
	p.Facts = facts(results)
	p.Keys = cards(results, names)
	if len(results) == 2 {
		p.Change = newChange(results[0], results[1])
	} else {
		p.Figures = figureGrid(results, names)
	}
	if p.Rates = rateBars(results, names); p.Rates != nil {
		p.Rates.ID = prefix + p.Rates.ID
	}
	for _, r := range seriesRows(results, names) {
		for i := range r.Plots {
			r.Plots[i].ID = prefix + r.Plots[i].ID
		}
		to := &p.By
		if r.Time {
			to = &p.Over
		}
		if len(*to) == 0 || p.Many {
			*to = append(*to, row{})
		}
		last := &(*to)[len(*to)-1]
		last.Plots = append(last.Plots, r.Plots...)
	}
	if p.Latency = latencyPlot(results, names); p.Latency != nil {
		p.Latency.ID = prefix + p.Latency.ID
		p.Spans = latencyGrid(results, names)
	}
	for i, r := range results {
		for _, t := range r.Tables {
			p.Tables = append(p.Tables, tableGrid(t, names[i]))
		}
	}
	return p
}

// headline is the run in a phrase, of what it knows.
func (r *Result) headline() string {
	s := ""
	if f := r.Figure("sends"); f != nil {
		s = number(f.Value) + " sends"
		if f := r.Figure("seconds"); f != nil {
			s += " in " + number(f.Value) + " s"
		}
		s += " "
	}
	return s + "on " + r.Broker
}

// facts are the rows of what ran, those of the settings last.
func facts(results []*Result) []fact {
	var all []fact
	add := func(name string, of func(r *Result) string) {
		f := fact{Name: name}
		for _, r := range results {
			f.Values = append(f.Values, dash(of(r)))
		}
		if !slices.ContainsFunc(f.Values, func(v string) bool { return v != nothing }) {
			return // nobody knows
		}
		f.Differs = len(slices.Compact(slices.Clone(f.Values))) > 1
		all = append(all, f)
	}
	add("machine", func(r *Result) string { return r.Machine.String() })
	add("broker", func(r *Result) string { return r.Broker })
	add("versions", func(r *Result) string { return versions(r.Versions) })
	settings := map[string]any{}
	for _, r := range results {
		for name, v := range r.Settings {
			settings[name] = v
		}
	}
	delete(settings, "broker") // which is above, as it was run
	for _, name := range union(settings, nil) {
		add(strings.ReplaceAll(name, "_", " "), func(r *Result) string { return text(r.Settings[name]) })
	}
	return all
}

func newChange(before, after *Result) *change2 {
	c, err := Compare(before, after)
	if err != nil {
		return nil // of two commands, which have parts of their own
	}
	out := &change2{Warnings: c.Warnings, Note: noiseNote}
	for _, ch := range c.Changes {
		out.Rows = append(out.Rows, changeRow{
			Name: label(Figure{Name: ch.Name, Unit: ch.Unit}), Before: value(ch.Before), After: value(ch.After), Unit: ch.Unit,
			Percent: percent(ch.Percent), Noise: ch.noise(), Verdict: ch.words(), Class: strings.ReplaceAll(string(ch.Verdict), " ", "-"),
		})
	}
	return out
}
