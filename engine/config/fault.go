package config

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong in a configuration.
type Fault struct {
	// Path names the key: "channels.email.accounts.main.rate". It is empty for
	// the file as a whole.
	Path string
	// Line is where it stands in the file; 0 where it stands in none.
	Line int
	// Problem says what is wrong and what to do. It never shows a secret.
	Problem string
}

// Error shows the fault as "channels.email.acounts (line 12): unknown key; ...".
func (f Fault) Error() string {
	where := f.Path
	if f.Line > 0 {
		where = strings.TrimSpace(fmt.Sprintf("%s (line %d)", f.Path, f.Line))
	}
	return strings.TrimPrefix(where+": "+f.Problem, ": ")
}

// Faults is the error of a wrong configuration: everything that is wrong, in
// the order of the file.
type Faults struct {
	// File is the name that the configuration was parsed under; may be empty.
	File string
	List []Fault
}

// Error shows one fault per line, after a first line that counts them.
func (f *Faults) Error() string {
	lines := make([]string, 0, len(f.List)+1)
	name := f.File
	if name == "" {
		name = "configuration"
	}
	if len(f.List) == 1 {
		return name + ": " + f.List[0].Error()
	}
	lines = append(lines, fmt.Sprintf("%s: %d faults", name, len(f.List)))
	for _, x := range f.List {
		lines = append(lines, "  "+x.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults one by one.
func (f *Faults) Unwrap() []error {
	all := make([]error, len(f.List))
	for i, x := range f.List {
		all[i] = x
	}
	return all
}

func (f *Faults) add(path string, line int, format string, args ...any) {
	f.List = append(f.List, Fault{path, line, fmt.Sprintf(format, args...)})
}

// err returns the faults in the order of the file, or nil where there are none.
func (f *Faults) err() error {
	if len(f.List) == 0 {
		return nil
	}
	slices.SortStableFunc(f.List, func(a, b Fault) int { return a.Line - b.Line })
	return f
}
