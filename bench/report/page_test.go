package report

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// fataler is a test, or a part of one that rapid makes small.
type fataler interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func html(t fataler, results ...*Result) string {
	t.Helper()
	b := &strings.Builder{}
	if err := WriteHTML(b, results...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// rates adds what makes bars of a result.
func withRates(r *Result) *Result {
	r.AddRounds("raw_per_second", "records/s", []float64{990_000, 1_000_000, 1_010_000}, Higher)
	r.Add("plugin_stream_per_second", "sends/s", 600_000, Higher)
	return r
}

func failed(r *Result) *Result {
	r.Fail("one send is lost")
	return r
}

func limits() *Result {
	r := broadcast()
	r.Command = "limit"
	return r
}

func TestPage(t *testing.T) {
	for _, c := range []struct {
		name    string
		results []*Result
		want    []string // fragments
		not     []string
	}{
		{"one run", []*Result{broadcast()}, []string{
			`<title>Carillon bench broadcast</title>`,
			`<span class="badge passed">✓ passed</span>`,
			`<span>2,000,000 sends on Apache Kafka 4.1.1</span> <span class="soft">23 November 2026, 02:00 UTC</span>`,
			`<div class="label">sends per second</div>` + "\n" + `<div class="big">121,034 <span class="unit">sends/s</span></div>` + "\n" + `<div class="more">118,000 to 125,000 in 3 rounds</div>`,
			`<caption>By nodes</caption>`,
			`<tr><th scope="row" class="number">1</th><td class="number">121,034</td><td>as one</td></tr>`,
			`<tr><th scope="row">machine</th><td>Example CPU @ 2.00GHz, 2 CPUs, 8.0 GiB, linux 6.1.0 amd64</td></tr>`,
			`<desc id="p1-plot-0-0-d">MiB by seconds from the start. engine: median 97.5, most 97.5 MiB. </desc>`,
			"<title>after 1 s\nengine: 97.5 MiB</title>",
			`<th scope="row">loaded</th><td class="number">1.2</td>`,
			`<span>loaded</span> <span class="soft">p99 8.4 ms</span>`,
		}, []string{"From A to B", "Rates beside each other", `class="badge failed"`, "What is wrong"}},
		{"two runs, of which one failed", []*Result{broadcast(), failed(broadcast())}, []string{
			`<span class="name">B</span>` + "\n" + `<span class="badge failed">✗ failed</span>`,
			`<ul><li>one send is lost</li></ul>`,
			"From A to B", "<li>B failed: what it measured may be something else</li>",
			`<figcaption>A: Memory</figcaption>`, `<figcaption>B: Memory</figcaption>`,
			`not judged: a run failed</td>`,
		}, []string{"All figures"}},
		{"two runs", []*Result{broadcast(), broadcast()}, []string{
			"From A to B", `<td class="the-same">the same</td>`,
		}, []string{"All figures", "not judged"}},
		{"three runs", []*Result{broadcast(), broadcast(), broadcast()}, []string{
			`<th scope="col" class="number">C</th>`, `<tr><th scope="row">lost</th><td class="number">0</td><td class="number">0</td><td class="number">0</td><td>sends</td><td>lower</td></tr>`,
		}, []string{"From A to B"}},
		{"rates", []*Result{withRates(broadcast())}, []string{
			"Rates beside each other", `<title>raw per second: 1,000,000 records/s 990,000 to 1,010,000 in 3 rounds</title>`,
		}, nil},
		{"two commands have parts of their own", []*Result{broadcast(), limits()}, []string{
			`<title>Carillon bench broadcast, limit</title>`, `<h1>Carillon bench broadcast</h1>`, `<h1>Carillon bench limit</h1>`, `id="p2-latency-t"`,
		}, []string{"From A to B"}},
		{"next to nothing", []*Result{{Command: "soak", Passed: true}}, []string{"<h1>Carillon bench soak</h1>"}, []string{"<svg"}},
		{"names from a file are text", []*Result{{Command: "soak", Broker: `<script>alert(1)</script>`, Series: []Series{
			{Name: `"><script>`, Group: "<b>", Unit: "</svg>", Points: [][2]float64{{0, 1}, {1, 2}}}}}}, []string{"&lt;script&gt;", "&lt;/svg&gt;"}, []string{"<script", "<b>"}},
	} {
		got := html(t, c.results...)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: there is no %s", c.name, want)
			}
		}
		for _, not := range c.not {
			if strings.Contains(got, not) {
				t.Errorf("%s: there is %s", c.name, not)
			}
		}
		checkPage(t, c.name, got)
	}
}

var (
	drawing   = regexp.MustCompile(`(?s)<svg.*?</svg>`)
	id        = regexp.MustCompile(`\bid="([^"]*)"`)
	labelled  = regexp.MustCompile(`aria-labelledby="([^"]*)"`)
	elsewhere = regexp.MustCompile(`(?i)<script|<link|<img|<iframe|\bsrc=|\bhref=|@import|url\(|https?:`)
)

// checkPage finds what no page may have: something from elsewhere, a number that
// is none, a drawing that is no XML, an id that is there twice or not at all.
func checkPage(t fataler, name, page string) {
	t.Helper()
	if found := elsewhere.FindString(page); found != "" {
		t.Errorf("%s: the page is not whole by itself: %s", name, found)
	}
	for _, odd := range []string{"NaN", "Inf", "ZgotmplZ", "%!"} {
		if strings.Contains(page, odd) {
			t.Errorf("%s: there is %s", name, odd)
		}
	}
	ids := map[string]bool{}
	for _, m := range id.FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("%s: the id %s is there twice", name, m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range labelled.FindAllStringSubmatch(page, -1) {
		for _, one := range strings.Fields(m[1]) {
			if !ids[one] {
				t.Errorf("%s: there is no id %s", name, one)
			}
		}
	}
	for _, svg := range drawing.FindAllString(page, -1) {
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v in %s", name, err, svg)
			}
		}
	}
}

// Any values make a page.
func TestPageOfAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(0, 1e6), rapid.Float64Range(-1e300, 1e300), rapid.Just(0.0))
		r := &Result{Command: "soak"}
		for range rapid.IntRange(0, 4).Draw(rt, "series") {
			s := Series{Name: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "name"), X: rapid.SampledFrom([]string{"", "nodes"}).Draw(rt, "x")}
			for range rapid.IntRange(0, 6).Draw(rt, "points") {
				s.Points = append(s.Points, [2]float64{value.Draw(rt, "x"), value.Draw(rt, "y")})
			}
			r.Series = append(r.Series, s)
		}
		d := Percentiles{Name: "loaded", Count: rapid.Int64Range(0, 1e9).Draw(rt, "count")}
		for range rapid.IntRange(0, 5).Draw(rt, "percentiles") {
			d.Points = append(d.Points, Percentile{rapid.Float64Range(0, 100).Draw(rt, "percentile"), value.Draw(rt, "ms")})
		}
		r.Percentiles = append(r.Percentiles, d)
		for _, name := range []string{"a", "b", "c"} {
			r.AddRounds(name, "sends/s", rapid.SliceOfN(value, 0, 6).Draw(rt, name), Higher)
		}
		checkPage(rt, "anything", html(rt, r, r))
	})
}

func TestPageRefuses(t *testing.T) {
	if err := WriteHTML(io.Discard); err == nil {
		t.Error("a page of nothing")
	}
	var many []*Result
	for range maxResults + 1 {
		many = append(many, broadcast())
	}
	if err := WriteHTML(io.Discard, many...); err == nil || !strings.Contains(err.Error(), "too many to tell apart") {
		t.Error(err)
	}
	html(t, many[:maxResults]...)
}

// A plot has room for what all runs have, so that they can be compared by eye.
func TestPlotsShareTheirAxes(t *testing.T) {
	a, b := broadcast(), broadcast()
	b.Series[0].Points = [][2]float64{{0, 900}, {60, 910}}
	rows := seriesRows([]*Result{a, b}, []string{"A", "B"})
	if len(rows) != 1 || len(rows[0].Plots) != 2 {
		t.Fatalf("%+v", rows)
	}
	for _, p := range rows[0].Plots {
		if labels(p.Y) != "0 500 1,000" || labels(p.X) != "0 10 20 30 40 50 60" {
			t.Errorf("%s: %s by %s", p.Run, labels(p.Y), labels(p.X))
		}
	}
}

func TestKeys(t *testing.T) {
	r := &Result{}
	r.Add("sends", "", 1, Neither)
	r.Add("rate", "", 1, Higher)
	r.Add("lost", "", 1, Lower)
	if got := strings.Join(keys([]*Result{r}), " "); got != "rate lost" { // those with a direction
		t.Error(got)
	}
	r.Figure("sends").Key = true
	if got := strings.Join(keys([]*Result{r}), " "); got != "sends rate lost" { // those that are marked come first
		t.Error(got)
	}
}

// The table of a page leaves out what a handful of values decide, whoever wrote
// the points.
func TestLatencyGridLeavesOut(t *testing.T) {
	points := []Percentile{{50, 1}, {90, 2}, {99, 3}, {99.9, 4}, {99.99, 5}, {100, 6}}
	for count, want := range map[int64][]string{
		600:    {"", "1", "2", nothing, nothing, nothing, "6", "600"},
		1000:   {"", "1", "2", "3", nothing, nothing, "6", "1,000"},
		20_000: {"", "1", "2", "3", "4", nothing, "6", "20,000"},
	} {
		r := &Result{Percentiles: []Percentiles{{Count: count, Points: points}}}
		if got := latencyGrid([]*Result{r}, []string{""}).Rows[0]; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The broker stands among what ran once, as it was run, and not by its flag too.
func TestBrokerIsListedOnce(t *testing.T) {
	r := &Result{Broker: "Apache Kafka 4.1.1, started here", Settings: map[string]any{"broker": "kafka", "nodes": 1}}
	var names []string
	for _, f := range facts([]*Result{r}) {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"broker", "nodes"}) {
		t.Errorf("what ran: %q", names)
	}
}
