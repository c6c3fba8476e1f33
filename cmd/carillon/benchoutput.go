package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/report"
)

// benchOutput is where the result of a benchmark goes, the same for all of them.
type benchOutput struct {
	json, baseline, dir string
}

func (o *benchOutput) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.json, "json", "", "write the result to this file as JSON as well")
	f.StringVar(&o.baseline, "baseline", "", "fail if a count, such as allocations per send, is worse than in this result")
	f.StringVar(&o.dir, "dir", "", "keep all data and logs here; default: a temporary one, kept if the run fails")
}

// benchPlace is what a run needs of the command that it is.
type benchPlace struct {
	dir      string   // empty
	command  []string // this binary
	progress io.Writer
}

// carryOut gives a run its place, and writes its result.
func (o *benchOutput) carryOut(cmd *cobra.Command, run func(context.Context, benchPlace) (*report.Result, error)) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to start processes of it: %w", err)
	}
	dir, temporary := o.dir, o.dir == ""
	if temporary {
		if dir, err = os.MkdirTemp("", "carillon-bench-"); err != nil {
			return fmt.Errorf("make a directory for the run: %w; name one with --dir", err)
		}
	}
	if dir, err = makeDir(dir); err != nil {
		return err
	}
	res, err := run(cmd.Context(), benchPlace{dir, []string{exe}, cmd.ErrOrStderr()})
	switch {
	case cmd.Context().Err() != nil && temporary: // nobody will look at it
		return errors.Join(err, os.RemoveAll(dir))
	case err != nil:
		return fmt.Errorf("%w (data and logs are in %s)", err, dir)
	}
	res.Versions = map[string]string{"carillon": thisBuild().Version, "go": thisBuild().Go}
	if err := o.write(cmd.OutOrStdout(), res); err != nil {
		return err
	}
	if !res.Passed {
		return errSaid
	}
	if temporary {
		return os.RemoveAll(dir)
	}
	return nil
}

func (o *benchOutput) write(out io.Writer, res *report.Result) error {
	if err := res.Write(out); err != nil {
		return err
	}
	if o.json != "" {
		if err := res.WriteFile(o.json); err != nil {
			return err
		}
	}
	if o.baseline == "" {
		return nil
	}
	old, err := report.ReadFile(o.baseline)
	if err != nil {
		return err
	}
	return report.Baseline(old, res)
}
