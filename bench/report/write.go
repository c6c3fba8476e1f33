package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Write writes the result for people, in lines of plain text. It has no room for
// the notes of figures.
func (r *Result) Write(w io.Writer) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s on %s\n", r.Command, r.Broker)
	fmt.Fprintf(b, "%s; %s\n\n", r.Machine, versions(r.Versions))
	figures := make([][]string, len(r.Figures))
	for i, f := range r.Figures {
		figures[i] = []string{label(f), number(f.Value), f.Unit, spread(f)}
	}
	columns(b, figures, func(_, column int) bool { return column == 1 })
	for _, t := range r.Tables {
		t.write(b)
	}
	for _, remark := range r.Remarks {
		fmt.Fprintf(b, "\nNote: %s\n", remark)
	}
	if r.Passed {
		fmt.Fprintln(b, "\npassed")
	} else {
		fmt.Fprintln(b, "\nFAILED")
	}
	for _, problem := range r.Problems {
		fmt.Fprintf(b, "  - %s\n", problem)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func empty(s string) bool { return s == "" }

func versions(all map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, strings.TrimSpace(name+" "+strings.TrimPrefix(all[name], name))) // go1.26 says it twice
	}
	return strings.Join(parts, ", ")
}

// spread says what the rounds were.
func spread(f Figure) string {
	if len(f.Rounds) < 2 {
		return ""
	}
	return fmt.Sprintf("%s to %s in %d rounds", number(slices.Min(f.Rounds)), number(slices.Max(f.Rounds)), len(f.Rounds))
}

func (t Table) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s\n", t.Title)
	if t.Note != "" {
		fmt.Fprintf(b, "%s\n", t.Note)
	}
	rows := [][]string{t.Columns}
	for _, row := range t.Rows {
		rows = append(rows, texts(row))
	}
	right := t.numbers()
	columns(b, rows, func(_, column int) bool { return right[column] })
}

func texts(row []any) []string {
	cells := make([]string, len(row))
	for i, v := range row {
		cells[i] = cell(v)
	}
	return cells
}

// numbers says which columns hold numbers, and nothing else but gaps.
func (t Table) numbers() []bool {
	all := make([]bool, len(t.Columns))
	for c := range t.Columns {
		for _, row := range t.Rows {
			if c >= len(row) || row[c] == nil {
				continue
			}
			if _, all[c] = numeric(row[c]); !all[c] {
				break
			}
		}
	}
	return all
}

// columns writes rows with their cells below each other, set right where asked.
func columns(b *strings.Builder, rows [][]string, right func(row, column int) bool) {
	var widths []int
	for _, row := range rows {
		for c, cell := range row {
			if c == len(widths) {
				widths = append(widths, 0)
			}
			widths[c] = max(widths[c], utf8.RuneCountInString(cell))
		}
	}
	for r, row := range rows {
		line := ""
		for c, cell := range row {
			gap := strings.Repeat(" ", widths[c]-utf8.RuneCountInString(cell))
			if right(r, c) {
				line += "  " + gap + cell
			} else {
				line += "  " + cell + gap
			}
		}
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
}
