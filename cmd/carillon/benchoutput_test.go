package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/report"
)

// What a benchmark found decides on the exit code, and on whether its data stays.
func TestBenchExit(t *testing.T) {
	result := func(change func(*report.Result)) func() (*report.Result, error) {
		return func() (*report.Result, error) {
			r := &report.Result{Command: "broadcast", Passed: true}
			change(r)
			return r, nil
		}
	}
	for _, c := range []struct {
		name string
		run  func() (*report.Result, error)
		code int
		said string
		kept bool
	}{
		{"all is well", result(func(*report.Result) {}), codeOK, "passed", false},
		{"a remark is nothing wrong", result(func(r *report.Result) { r.Remark("the %s is slow", "sink") }), codeOK, "Note: the sink is slow", false},
		{"a send was lost", result(func(r *report.Result) { r.Fail("1 of 9 sends have no outcome: a") }), codeFailed, "1 of 9 sends have no outcome: a", true},
		{"limit ends with an error", func() (*report.Result, error) { return nil, errors.New("a send was doubled") }, codeFailed, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			var out strings.Builder
			cmd := &cobra.Command{}
			cmd.SetContext(t.Context())
			cmd.SetOut(&out)
			var dir string
			err := (&benchOutput{}).carryOut(cmd, func(_ context.Context, p benchPlace) (*report.Result, error) {
				dir = p.dir
				return c.run()
			})
			if code := conclude(io.Discard, "carillon bench", true, false, err); code != c.code || !strings.Contains(out.String(), c.said) {
				t.Errorf("exit code %d, want %d; it said\n%s", code, c.code, out.String())
			}
			if _, err := os.Stat(dir); (err == nil) != c.kept {
				t.Errorf("its directory: %v; kept should be %v", err, c.kept)
			}
		})
	}
}
