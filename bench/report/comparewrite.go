package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Write writes the comparison for people, in lines of plain text.
func (c *Comparison) Write(w io.Writer) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "bench %s\n", c.Command)
	for i, r := range []*Result{c.before, c.after} {
		parts := slices.DeleteFunc([]string{r.File, r.Started.UTC().Format("2006-01-02 15:04 UTC"), versions(r.Versions)}, empty)
		fmt.Fprintf(b, "  %s  %s\n", side(i), strings.Join(parts, ", "))
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(b, "warning: %s\n", warning)
	}
	fmt.Fprintln(b)
	rows := [][]string{{"", "A", "B", "", "change", "95% interval", ""}}
	for _, ch := range c.Changes {
		rows = append(rows, []string{
			label(Figure{Name: ch.Name, Unit: ch.Unit}), value(ch.Before), value(ch.After), ch.Unit,
			percent(ch.Percent), ch.noise(), ch.words(),
		})
	}
	columns(b, rows, func(_, column int) bool { return column == 1 || column == 2 || column == 4 })
	fmt.Fprint(b, "\n", noiseNote)
	_, err := io.WriteString(w, b.String())
	return err
}

const noiseNote = `The interval is that of the rounds of each run. What the machine did otherwise in
one run than in the other is not in it: run both again, in turn, before you
believe a small change of a speed.
`

func value(v *float64) string {
	if v == nil {
		return nothing
	}
	return number(*v)
}

// words are the verdict for people: a figure without a direction has none.
func (c Change) words() string {
	switch {
	case c.Verdict == Unjudged && c.Why == "":
		return ""
	case c.Why != "":
		return string(c.Verdict) + ": " + c.Why
	case c.Verdict == OneOnly && c.Before == nil:
		return "in B only"
	case c.Verdict == OneOnly:
		return "in A only"
	}
	return string(c.Verdict)
}
