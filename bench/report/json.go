package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// plain is a Result without its methods.
type plain Result

// versioned is a Result in its file.
type versioned struct {
	Format int `json:"format"`
	plain
}

var figureName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// MarshalJSON returns the figures by their names, then all of the Result. It
// refuses names that are taken or no snake_case, and values that JSON has no
// number for.
func (r Result) MarshalJSON() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.Problems == nil {
		r.Problems = []string{}
	}
	r.Settings = plainSettings(r.Settings)
	all, err := json.Marshal(versioned{Format, plain(r)})
	if err != nil {
		return nil, fmt.Errorf("the result of bench %s: %w", r.Command, err)
	}
	out := []byte{'{'}
	for _, f := range r.Figures {
		value, err := json.Marshal(f.Value)
		if err != nil {
			return nil, fmt.Errorf("the figure %s: %w", f.Name, err)
		}
		out = fmt.Appendf(out, "%q:%s,", f.Name, value)
	}
	return append(out, all[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. Of the figures, the list counts.
func (r *Result) UnmarshalJSON(text []byte) error {
	var head struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return err
	}
	switch {
	case head.Format == nil:
		return errors.New("is no result of a benchmark: it has no format")
	case *head.Format != Format:
		return fmt.Errorf("has the format %d, and this carillon reads %d: use the one that wrote it", *head.Format, Format)
	}
	var p plain
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	*r = Result(p)
	return r.check()
}

// check finds what nobody could read again.
func (r *Result) check() error {
	var faults []error
	seen := taken()
	for _, f := range r.Figures {
		switch {
		case !figureName.MatchString(f.Name):
			faults = append(faults, fmt.Errorf("the figure %q: a name is in snake_case", f.Name))
		case seen[f.Name]:
			faults = append(faults, fmt.Errorf("the figure %q: the name is taken", f.Name))
		case slices.ContainsFunc(append([]float64{f.Value}, f.Rounds...), unwritable):
			faults = append(faults, fmt.Errorf("the figure %q is no number (%v, rounds %v): leave out what was not measured", f.Name, f.Value, f.Rounds))
		case f.Better != Neither && f.Better != Higher && f.Better != Lower:
			faults = append(faults, fmt.Errorf("the figure %q: better is %q; there are %q and %q", f.Name, f.Better, Higher, Lower))
		}
		seen[f.Name] = true
	}
	for _, s := range r.Series {
		if i := slices.IndexFunc(s.Points, func(at [2]float64) bool { return unwritable(at[0]) || unwritable(at[1]) }); i >= 0 {
			faults = append(faults, fmt.Errorf("the series %q of %q: point %d is no number: %v", s.Name, s.Group, i+1, s.Points[i]))
		}
	}
	for _, d := range r.Percentiles {
		if i := slices.IndexFunc(d.Points, func(at Percentile) bool { return unwritable(at.Ms) || !(at.Percentile >= 0 && at.Percentile <= 100) }); i >= 0 {
			faults = append(faults, fmt.Errorf("the percentiles %q: point %d is none: %v", d.Name, i+1, d.Points[i]))
		}
	}
	for _, t := range r.Tables {
		for i, row := range t.Rows {
			if len(row) != len(t.Columns) {
				faults = append(faults, fmt.Errorf("the table %q: row %d has %d cells, and there are %d columns", t.Title, i+1, len(row), len(t.Columns)))
			}
		}
	}
	return errors.Join(faults...)
}

// unwritable is no number, or one so large that the next step of arithmetic is
// none.
func unwritable(v float64) bool { return math.IsNaN(v) || math.Abs(v) > 1e300 }

// taken are the names at the top that are no figures.
func taken() map[string]bool {
	names := map[string]bool{"format": true}
	for f := range reflect.TypeFor[plain]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names[name] = true
	}
	return names
}

// plainSettings writes durations as people do, not in nanoseconds.
func plainSettings(settings map[string]any) map[string]any {
	out := make(map[string]any, len(settings))
	for name, v := range settings {
		if d, ok := v.(time.Duration); ok {
			v = d.String()
		}
		out[name] = v
	}
	return out
}

// WriteFile writes the result as JSON.
func (r *Result) WriteFile(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the result as JSON: %w", err)
	}
	return nil
}

// ReadFile reads a result that WriteFile wrote.
func ReadFile(path string) (*Result, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a result: %w", err)
	}
	r := &Result{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read a result: %s: %w; give a file that `carillon bench COMMAND --json FILE` wrote", path, err)
	}
	r.File = filepath.Base(path)
	return r, nil
}
