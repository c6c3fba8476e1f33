package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/process"
)

func launch(t *testing.T, ended func(*os.ProcessState), command ...string) *process.Process {
	t.Helper()
	p, err := process.Launch(exec.Command(command[0], command[1:]...), filepath.Join(t.TempDir(), "log"), ended)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	return p
}

func TestStop(t *testing.T) {
	for _, c := range []struct {
		name    string
		command []string
		clean   bool
	}{
		{"one that ends when asked", []string{"sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done"}, true},
		{"one that ends with another code", []string{"sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done"}, false},
		{"one that does not listen is killed", []string{"sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			p, err := process.Launch(exec.Command(c.command[0], c.command[1:]...), log,
				func(*os.ProcessState) { t.Error("its end was asked for, and told all the same") })
			if err != nil {
				t.Fatal(err)
			}
			awaitText(t, log) // the trap is set
			clean, err := p.Stop(300 * time.Millisecond)
			if err != nil || clean != c.clean || p.Running() {
				t.Errorf("clean %v, %v, running %v", clean, err, p.Running())
			}
			if clean, err := p.Stop(time.Second); err != nil || clean != c.clean {
				t.Errorf("once more: clean %v, %v", clean, err)
			}
		})
	}
}

func awaitText(t *testing.T, file string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil && len(text) > 0 {
			return
		}
	}
	t.Fatalf("nothing was written to %s", file)
}

// One that ends by itself is told of, with its code.
func TestEnded(t *testing.T) {
	how := make(chan *os.ProcessState, 1)
	launch(t, func(s *os.ProcessState) { how <- s }, "sh", "-c", "exit 7")
	if s := <-how; s.ExitCode() != 7 {
		t.Errorf("exit code %d, want 7", s.ExitCode())
	}
}

func TestLaunchOfNothing(t *testing.T) {
	if p, err := process.Launch(exec.Command("/no/such/program"), filepath.Join(t.TempDir(), "log"), nil); err == nil || p != nil {
		t.Errorf("%v, %v", p, err)
	}
}

// A child has a group of its own, and is found by its parent; what it uses can
// be read until it has ended.
func TestChildren(t *testing.T) {
	if !process.Measurable {
		t.Skip("nothing is known of other processes on this system")
	}
	p := launch(t, nil, "sleep", "60")
	children, err := process.Children(os.Getpid())
	if err != nil || !slices.Contains(children, p.PID()) {
		t.Errorf("%v, %v, want %d", children, err, p.PID())
	}
	if used, err := process.Usage(p.PID()); err != nil || used.Peak == 0 {
		t.Errorf("%+v, %v", used, err)
	}
	if err := process.SignalGroup(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if !process.Killed(p.State()) {
		t.Errorf("it ended by %v", p.State())
	}
	if err := process.SignalGroup(p.PID(), syscall.SIGKILL); err != nil {
		t.Errorf("a group that is gone: %v", err)
	}
	if _, err := process.Usage(p.PID()); err == nil {
		t.Error("one that has ended was measured")
	}
}
