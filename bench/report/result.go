package report

import (
	"fmt"
	"time"
)

// Format is that of the JSON that this package writes. It goes up when a reader
// of the former one would misread it; a new field is no reason.
const Format = 1

// Result is what one run of a benchmark found. Its fields are the caller's
// until it is written; nothing here is safe for concurrent use.
type Result struct {
	Command string    `json:"command"` // as typed after `carillon bench`
	Started time.Time `json:"started"`
	// Passed says that nothing was lost or doubled, and nothing else was wrong.
	// Problems has a sentence for each thing that was.
	Passed   bool     `json:"passed"`
	Problems []string `json:"problems"`
	// Remarks has a sentence for each thing that one must know to read the
	// figures, and that is not wrong.
	Remarks []string `json:"remarks,omitempty"`
	Machine Machine  `json:"machine"`
	// Versions are those of what took part: carillon, go, broker.
	Versions map[string]string `json:"versions"`
	// Broker says which one it was, and how it was run.
	Broker string `json:"broker"`
	// Settings are the flags and the workload as they were in force: text,
	// numbers, booleans and durations. Two runs are compared if they are the same,
	// so where the output goes, and a port that was free, are none.
	Settings map[string]any `json:"settings"`
	// Figures, and all below, are in the order in which they are shown.
	Figures     []Figure      `json:"figures"`
	Tables      []Table       `json:"tables,omitempty"`
	Series      []Series      `json:"series,omitempty"`
	Percentiles []Percentiles `json:"percentiles,omitempty"`

	// File is the name of the one that it was read from, for people; "": none.
	File string `json:"-"`
}

// Better says in which direction a figure improves.
type Better string

// Neither is for what describes a run and judges nothing, such as how many
// sends it had.
const (
	Neither Better = ""
	Higher  Better = "higher"
	Lower   Better = "lower"
)

// Figure is one number that a run came to.
type Figure struct {
	// Name is in snake_case, with the unit where it could be doubted
	// (idle_p99_ms). The JSON has the value under it at the top, too.
	Name string `json:"name"`
	// Unit is as people write it: sends/s, µs, MiB. "" is a plain number.
	Unit  string  `json:"unit,omitempty"`
	Value float64 `json:"value"`
	// Rounds are the values of the rounds that Value is the median of: they show
	// how much of a difference is noise.
	Rounds []float64 `json:"rounds,omitempty"`
	Better Better    `json:"better,omitempty"`
	// Counted says that it is a count that the speed of the machine has no part
	// in, such as allocations per send, or the sends that are lost. It is judged
	// without rounds too, and is what a baseline goes by.
	Counted bool `json:"counted,omitempty"`
	// Slack is by how many percent the figure may differ from that of another run
	// and still be called the same, whatever its rounds say; 0 is one percent.
	Slack float64 `json:"slack_percent,omitempty"`
	// Key figures are shown big.
	Key bool `json:"key,omitempty"`
	// Note is for people, and short; the page has it.
	Note string `json:"note,omitempty"`
}

// Table has rows of numbers and texts. A column of numbers is set right.
type Table struct {
	Title   string   `json:"title"`
	Note    string   `json:"note,omitempty"`
	Columns []string `json:"columns"` // with their units
	Rows    [][]any  `json:"rows"`    // numbers, texts, booleans; nil is a cell that has nothing to say
}

// Add appends a row.
func (t *Table) Add(cells ...any) { t.Rows = append(t.Rows, cells) }

// Series is a line of a plot.
type Series struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Group is the title of the plot; those of one group and unit share it.
	Group string `json:"group"`
	// X says what a point's first number is; "" is seconds from the start.
	X      string       `json:"x,omitempty"`
	Points [][2]float64 `json:"points"`
}

// Percentiles is a distribution of latencies.
type Percentiles struct {
	Name  string `json:"name"`
	Count int64  `json:"count"` // of the values that it was made from
	// Points go up. The page's table has p50, p90, p99 and so on, if they are here.
	Points []Percentile `json:"points"`
}

// Percentile says that so many percent took at most so long.
type Percentile struct {
	Percentile float64 `json:"percentile"` // 0 to 100
	Ms         float64 `json:"ms"`
}

// Tells says whether a percentile of so many values says more than what a handful
// of them happened to be: ten or more are beyond it, or half of all, and the
// maximum is what it is. It is the rule for figures, tables and plots alike.
func Tells(count int64, percentile float64) bool {
	beyond := float64(count) * (100 - percentile) / 100
	return count > 0 && (beyond >= 10-1e-6 || percentile <= 50 || percentile == 100)
}

// Add appends a figure and returns it, to be told more before the next is added.
func (r *Result) Add(name, unit string, value float64, better Better) *Figure {
	r.Figures = append(r.Figures, Figure{Name: name, Unit: unit, Value: value, Better: better})
	return &r.Figures[len(r.Figures)-1]
}

// AddRounds appends a figure of which the value is the median of the rounds.
func (r *Result) AddRounds(name, unit string, rounds []float64, better Better) *Figure {
	f := r.Add(name, unit, median(rounds), better)
	f.Rounds = rounds
	return f
}

// AddSeconds appends the seconds that all sends of a round take at its rate. Of
// an even number of rounds the middle is the harmonic mean of the two there, so
// that it is what the median of the rates says.
func (r *Result) AddSeconds(rounds []float64) *Figure {
	rates := make([]float64, len(rounds))
	for i, s := range rounds {
		rates[i] = 1 / s
	}
	f := r.AddRounds("seconds", "s", rounds, Lower)
	f.Value = 1 / median(rates)
	return f
}

// The figures that must be 0.
const (
	lost    = "lost"
	doubled = "doubled"
)

// AddFaults appends what must be 0: the sends that are lost, and doubled.
func (r *Result) AddFaults(nLost, nDoubled int) {
	f := r.Add(lost, "", float64(nLost), Lower)
	f.Counted, f.Key = true, true
	f = r.Add(doubled, "", float64(nDoubled), Lower)
	f.Counted, f.Key = true, true
}

// Figure returns the figure of that name, or nil.
func (r *Result) Figure(name string) *Figure {
	for i := range r.Figures {
		if r.Figures[i].Name == name {
			return &r.Figures[i]
		}
	}
	return nil
}

// Remark adds what one must know to read the figures.
func (r *Result) Remark(format string, args ...any) {
	r.Remarks = append(r.Remarks, fmt.Sprintf(format, args...))
}

// Fail adds a problem: the run has not passed.
func (r *Result) Fail(problem string) {
	r.Passed = false
	r.Problems = append(r.Problems, problem)
}
