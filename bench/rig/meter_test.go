package rig_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/rig"
)

// A process that ends is named, and its use is what was seen of it.
func TestMeterOfOneThatEnds(t *testing.T) {
	if !process.Measurable {
		t.Skip("nothing is measured on this system")
	}
	p, err := process.Launch(exec.Command("sleep", "60"), filepath.Join(t.TempDir(), "log"), nil)
	if err != nil {
		t.Fatal(err)
	}
	meter, err := rig.Measure(time.Hour, []rig.Watched{
		{Role: "a", Name: "itself", PID: os.Getpid()}, {Role: "b", Name: "sleeper", PID: p.PID()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	m := meter.Stop()
	if !slices.Equal(m.Gone, []string{"sleeper"}) || m.Roles["b"].Peak == 0 || m.Roles["a"].Peak == 0 {
		t.Errorf("%+v", m)
	}
	if _, err := rig.Measure(time.Hour, []rig.Watched{{Role: "b", Name: "sleeper", PID: p.PID()}}); err == nil {
		t.Error("one that has ended was measured")
	}
}
