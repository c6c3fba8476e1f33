//go:build integration

package faults

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/carillonhq/carillon/bench/chaos"
	"github.com/carillonhq/carillon/engine/fault"
)

// One death at each point, of a node that is under load: nothing is lost, and
// nothing doubled that was not open. `make chaos-points` has twenty of each.
func TestPoints(t *testing.T) {
	exe, err := carillonWithFaults()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.CommandContext(t.Context(), exe, "bench", "chaos", "points",
		"--repetitions", "1", "--seed", "7", "--json", file, "--dir", t.TempDir())
	out, ended := cmd.CombinedOutput()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (%v)\n%s", err, ended, out)
	}
	t.Logf("%s", out)
	var report chaos.PointsReport
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	if report.Accepted < 1000 || report.Lost > 0 || report.DoubledUnexplained > 0 || report.DoubledIdempotent > 0 || report.OutcomesMany > 0 || len(report.Points) != len(fault.Points()) {
		t.Errorf("%d sends, %d points: %v", report.Accepted, len(report.Points), report.Failures)
	}
	for _, p := range report.Points {
		if p.Reached != 1 || p.Lost > 0 || p.Doubled > p.Bound {
			t.Errorf("%+v", p)
		}
	}
}

// A normal build has no point and no mutant: not even their names are in it.
// That they are found in a faults build shows that they would be.
func TestNormalBuild(t *testing.T) {
	with, err := carillonWithFaults()
	if err != nil {
		t.Fatal(err)
	}
	without := filepath.Join(t.TempDir(), "carillon")
	if _, err := goTool("build", "-o", without, "./cmd/carillon"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file string
		want bool
	}{{with, true}, {without, false}} {
		text, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range append(fault.Points(), fault.Mutants()...) {
			if got := bytes.Contains(text, []byte(n.Name)); got != c.want {
				t.Errorf("%s: %s is there: %v, want %v", filepath.Base(c.file), n.Name, got, c.want)
			}
		}
		out, err := exec.Command(c.file, "version").Output()
		if got := bytes.Contains(out, []byte("for tests alone")); err != nil || got != c.want {
			t.Errorf("%s: its version says that it has faults: %v, want %v (%v)", filepath.Base(c.file), got, c.want, err)
		}
	}
}
