package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/report"
)

// benchOutput is where the result of a benchmark goes, the same for all of them.
type benchOutput struct {
	json, report, baseline, dir string
}

func (o *benchOutput) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.json, "json", "", "write the result to this file as JSON as well")
	f.StringVar(&o.report, "report", "", "write it to this file as one HTML page, with plots")
	f.StringVar(&o.baseline, "baseline", "", "fail if a count, such as allocations per send, is worse than in this result")
	f.StringVar(&o.dir, "dir", "", "keep all data and logs here; default: a temporary one, kept if the run fails")
}

// benchPlace is what a run needs of the command that it is.
type benchPlace struct {
	dir      string   // empty
	command  []string // this binary
	progress io.Writer
	begun    func(*report.Result) error // is told the settings before anything is measured
}

// carryOut gives a run its place, and writes its result.
func (o *benchOutput) carryOut(cmd *cobra.Command, run func(context.Context, benchPlace) (*report.Result, error)) error {
	old, begun, err := o.old()
	if err := errors.Join(err, writable("json", o.json), writable("report", o.report)); err != nil {
		return &exit{codeUsage, err} // before it has run for minutes
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to start processes of it: %w", err)
	}
	temporary := o.dir == ""
	dir, err := o.place()
	if err != nil {
		return err
	}
	res, err := run(cmd.Context(), benchPlace{dir, []string{exe}, cmd.ErrOrStderr(), begun})
	var wrong *exit // usage, which is known before anything has run
	switch {
	case temporary && (cmd.Context().Err() != nil || errors.As(err, &wrong)): // nobody will look at it
		return errors.Join(err, os.RemoveAll(dir))
	case err != nil:
		return fmt.Errorf("%w (data and logs are in %s)", err, dir)
	}
	if res.Versions == nil {
		res.Versions = map[string]string{}
	}
	res.Versions["carillon"], res.Versions["go"] = thisBuild().long(), runtime.Version()
	if err := o.write(cmd.OutOrStdout(), res); err != nil {
		return fmt.Errorf("%w (data and logs are in %s)", err, dir)
	}
	if !res.Passed {
		return errSaid
	}
	if temporary {
		err = os.RemoveAll(dir)
	}
	if old == nil {
		return err
	}
	if err := errors.Join(report.Baseline(old, res), err); err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), "baseline: no worse")
	return err
}

// place makes the run's directory.
func (o *benchOutput) place() (dir string, err error) {
	if dir = o.dir; dir == "" {
		if dir, err = os.MkdirTemp("", "carillon-bench-"); err != nil {
			return "", fmt.Errorf("make a directory for the run: %w; name one with --dir", err)
		}
	}
	return makeDir(dir)
}

// old reads the baseline, nil if there is none, and returns what refuses
// settings that are not the baseline's.
func (o *benchOutput) old() (old *report.Result, begun func(*report.Result) error, err error) {
	if o.baseline == "" {
		return nil, nil, nil
	}
	if old, err = report.ReadFile(o.baseline); err != nil {
		return nil, nil, err
	}
	return old, func(now *report.Result) error {
		if err := report.Comparable(old, now); err != nil {
			return &exit{codeUsage, err}
		}
		return nil
	}, nil
}

// writable says whether the file of a flag can be written at the end of a run,
// and leaves it as it is. "" is not wanted; a pipe or a terminal is taken at its
// word.
func writable(flag, path string) error {
	if path == "" {
		return nil
	}
	is, err := os.Stat(path)
	if err == nil && !is.IsDir() && !is.Mode().IsRegular() {
		return nil
	}
	isNew := errors.Is(err, os.ErrNotExist)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err == nil {
		err = file.Close()
	}
	if err == nil && isNew {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("--%s: the result can't be written: %w", flag, err)
	}
	return nil
}

// write writes the result wherever it is wanted.
func (o *benchOutput) write(out io.Writer, res *report.Result) error {
	err := res.Write(out)
	if err == nil && o.json != "" {
		err = res.WriteFile(o.json)
	}
	if err == nil && o.report != "" {
		err = writePage(o.report, res)
	}
	return err
}

// writePage writes a page of results to a file.
func writePage(path string, results ...*report.Result) error {
	page := &bytes.Buffer{}
	err := report.WriteHTML(page, results...)
	if err == nil {
		err = os.WriteFile(path, page.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
