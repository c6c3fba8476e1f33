package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
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

// A baseline that a run can't be judged by is refused before it has run, and
// leaves nothing behind; one that holds is said to.
func TestBenchBaseline(t *testing.T) {
	run := func(change func(*report.Result)) *report.Result {
		r := &report.Result{Command: "broadcast", Passed: true, Settings: map[string]any{"sends": 100, "rounds": 3}}
		r.AddFaults(0, 0)
		change(r)
		return r
	}
	for _, c := range []struct {
		name   string
		before func(*report.Result)
		code   int
		said   string
	}{
		{"it holds", func(*report.Result) {}, codeOK, "baseline: no worse"},
		{"other settings", func(r *report.Result) { r.Settings["rounds"] = 5 }, codeUsage, "other settings (rounds)"},
		{"another command", func(r *report.Result) { r.Command = "latency" }, codeUsage, "one is a run of bench latency"},
		{"a run that failed", func(r *report.Result) { r.Fail("a send was lost") }, codeUsage, "a run that failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			o := &benchOutput{baseline: filepath.Join(t.TempDir(), "old.json")}
			if err := run(c.before).WriteFile(o.baseline); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			cmd := &cobra.Command{}
			cmd.SetContext(t.Context())
			cmd.SetOut(&out)
			var dir string
			measured := false
			err := o.carryOut(cmd, func(_ context.Context, p benchPlace) (*report.Result, error) {
				dir = p.dir
				r := run(func(*report.Result) {})
				if err := p.begun(r); err != nil {
					return nil, err
				}
				measured = true
				return r, nil
			})
			code := conclude(&out, "carillon bench", true, false, err)
			if code != c.code || measured != (c.code == codeOK) || !strings.Contains(out.String(), c.said) {
				t.Errorf("exit code %d, want %d; measured %v; it said\n%s", code, c.code, measured, out.String())
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("its directory is still there")
			}
		})
	}
}

// Where the result is to go is looked at before the run, and left as it is.
func TestBenchWritable(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there.json")
	if err := os.WriteFile(there, []byte("of the last run"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, said string // "" is fine
	}{
		{"not wanted", "", ""},
		{"a file that is there", there, ""},
		{"a file that is not", filepath.Join(dir, "new.json"), ""},
		{"no file", os.DevNull, ""},
		{"a directory that is not there", filepath.Join(dir, "none", "x.json"), "no such file or directory"},
		{"a directory", dir, "is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, o := range []*benchOutput{{json: c.path}, {report: c.path}} {
				ran := errors.New("it ran")
				cmd := &cobra.Command{}
				cmd.SetContext(t.Context())
				o.dir = t.TempDir()
				err := o.carryOut(cmd, func(context.Context, benchPlace) (*report.Result, error) { return nil, ran })
				var said strings.Builder
				code := conclude(&said, "carillon bench", true, false, err)
				if c.said == "" && !errors.Is(err, ran) || c.said != "" && (code != codeUsage || !strings.Contains(said.String(), c.said)) {
					t.Errorf("exit code %d: %s", code, said.String())
				}
			}
		})
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "of the last run" {
		t.Errorf("the former result is now %q: %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new.json")); err == nil {
		t.Error("an empty file is left behind")
	}
}
