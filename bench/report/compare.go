package report

import (
	"fmt"
	"math"
	"slices"
)

// Verdict says what became of a figure from one run to another.
type Verdict string

// The verdicts. Unjudged is for a figure that has no direction, and for one
// with too few rounds to know its noise.
const (
	IsBetter Verdict = "better"
	IsWorse  Verdict = "worse"
	InNoise  Verdict = "within noise"
	IsSame   Verdict = "the same" // as far as its slack goes
	Unjudged Verdict = "not judged"
	OneOnly  Verdict = "in one only"
)

// Comparison is of two runs of one command.
type Comparison struct {
	Command string `json:"command"`
	// Warnings say what else differs: machine, broker, settings. The figures may
	// differ for that alone.
	Warnings []string `json:"warnings"`
	Changes  []Change `json:"changes"`

	before, after *Result
}

// Change is that of one figure.
type Change struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
	// Before and After are nil where a run has no such figure.
	Before *float64 `json:"before"`
	After  *float64 `json:"after"`
	// Percent is the change; nil from 0, or where one is missing.
	Percent *float64 `json:"percent"`
	// Low and High are the ends of its 95 % interval, in percent too; nil where
	// there are too few rounds.
	Low     *float64 `json:"low_percent"`
	High    *float64 `json:"high_percent"`
	Better  Better   `json:"better,omitempty"`
	Counted bool     `json:"counted,omitempty"`
	Verdict Verdict  `json:"verdict"`
	// Why says why a figure with a direction was not judged.
	Why string `json:"why,omitempty"`
}

// Compare says how every figure changed from before to after, in the order of
// after, and how much of that is noise. It refuses runs of two commands, and
// judges no figure where settings differ or a run failed.
func Compare(before, after *Result) (*Comparison, error) {
	if err := sameCommand(before, after); err != nil {
		return nil, err
	}
	c := &Comparison{Command: after.Command, Warnings: warnings(before, after), Changes: []Change{}, before: before, after: after}
	for i := range after.Figures {
		c.Changes = append(c.Changes, change(before.Figure(after.Figures[i].Name), &after.Figures[i]))
	}
	for i := range before.Figures {
		if after.Figure(before.Figures[i].Name) == nil {
			c.Changes = append(c.Changes, change(&before.Figures[i], nil))
		}
	}
	c.withhold(unlike(before, after))
	return c, nil
}

// unlike says in a few words why two runs did not do the same; "": they did.
func unlike(before, after *Result) string {
	switch {
	case !before.Passed || !after.Passed:
		return "a run failed"
	case len(differing(before, after)) > 0:
		return "other settings"
	}
	return ""
}

// withhold takes verdicts back, unless there is no reason to; but for those on
// what must be 0 whatever the settings are, and is what makes a run fail.
func (c *Comparison) withhold(why string) {
	for i := range c.Changes {
		if ch := &c.Changes[i]; why != "" && ch.Better != Neither && ch.Verdict != OneOnly && ch.Name != lost && ch.Name != doubled {
			ch.Verdict, ch.Why = Unjudged, why
		}
	}
}

func sameCommand(before, after *Result) error {
	if before.Command != after.Command {
		return fmt.Errorf("one is a run of bench %s, the other of bench %s: their figures mean different things", before.Command, after.Command)
	}
	return nil
}

// Change returns that of the figure of that name, or nil.
func (c *Comparison) Change(name string) *Change {
	for i := range c.Changes {
		if c.Changes[i].Name == name {
			return &c.Changes[i]
		}
	}
	return nil
}

// change judges one figure; one of the two may be nil.
func change(before, after *Figure) Change {
	if before == nil || after == nil {
		c := Change{Verdict: OneOnly}
		if before != nil {
			c.Name, c.Unit, c.Before = before.Name, before.Unit, &before.Value
		} else {
			c.Name, c.Unit, c.After = after.Name, after.Unit, &after.Value
		}
		return c
	}
	c := Change{
		Name: after.Name, Unit: after.Unit, Before: &before.Value, After: &after.Value,
		Better: after.Better, Counted: after.Counted,
	}
	c.Percent = percentOf(after.Value-before.Value, before.Value)
	between, known := changed(*before, *after)
	if known && c.Percent != nil {
		c.Low, c.High = written(between.low), written(between.high)
	}
	c.Verdict, c.Why = judge(*before, *after, between, known)
	return c
}

// judge says whether a change is one. A count without rounds is taken at its
// word: a machine's speed is not in it.
func judge(before, after Figure, between interval, known bool) (v Verdict, why string) {
	by := after.Value - before.Value
	small := math.Abs(by) <= slack(after)/100*math.Abs(before.Value)
	switch {
	case after.Better == Neither:
		return Unjudged, ""
	case before.Better != after.Better:
		return Unjudged, "the two runs disagree about what is better"
	case !known && !after.Counted && by != 0:
		return Unjudged, "too few rounds"
	case small && (!known || !between.has(0) || between.within(slack(after))):
		return IsSame, ""
	case known && between.has(0):
		return InNoise, ""
	case (by > 0) == (after.Better == Higher):
		return IsBetter, ""
	}
	return IsWorse, ""
}

func slack(f Figure) float64 {
	if f.Slack > 0 {
		return f.Slack
	}
	return 1
}

// percentOf returns nil of 0: there is no such share.
func percentOf(part, whole float64) *float64 {
	if whole == 0 {
		if part != 0 {
			return nil
		}
		return new(float64)
	}
	return written(100 * part / math.Abs(whole))
}

// written is what can be written: nothing, where it is beyond all numbers.
func written(v float64) *float64 {
	if unwritable(v) {
		return nil
	}
	return &v
}

// warnings are the sentences on what makes two runs differ, but for the code.
func warnings(before, after *Result) []string {
	all := []string{}
	for i, r := range []*Result{before, after} {
		if !r.Passed {
			all = append(all, fmt.Sprintf("%s failed: what it measured may be something else", side(i)))
		}
	}
	differs := func(what, a, b string) {
		if a != b {
			all = append(all, fmt.Sprintf("%s: %s in A, %s in B", what, a, b))
		}
	}
	a, b := before.Machine, after.Machine
	differs("the machine", a.String(), b.String())
	differs("the broker", before.Broker, after.Broker)
	for _, name := range union(before.Versions, after.Versions) {
		if name != "carillon" { // which is what is compared, as a rule
			differs("the version of "+name, dash(before.Versions[name]), dash(after.Versions[name]))
		}
	}
	for _, name := range differing(before, after) {
		differs("the setting "+name, text(before.Settings[name]), text(after.Settings[name]))
	}
	return all
}

func side(i int) string { return string(rune('A' + i)) }

func dash(s string) string {
	if s == "" {
		return nothing
	}
	return s
}

// differing are the names of the settings that are not the same.
func differing(before, after *Result) []string {
	return slices.DeleteFunc(union(before.Settings, after.Settings), func(name string) bool {
		return text(before.Settings[name]) == text(after.Settings[name])
	})
}

// union returns the keys of both, in order.
func union[V any](a, b map[string]V) []string {
	var names []string
	for _, m := range []map[string]V{a, b} {
		for name := range m {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
