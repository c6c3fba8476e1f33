//go:build faults && unix

package fault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name, point, mutant string
		strikes             int    // at which pass
		want                string // of the error
	}{
		{"nothing", "", "", 0, ""},
		{"a point, and so its first pass", AfterFetch, "", 1, ""},
		{"a later pass", AfterFetch + ":3", "", 3, ""},
		{"a mutant", "", CommitBeforeAck, 0, ""},
		{"both", AfterFetch + ":2", CommitBeforeAck, 2, ""},
		{"an unknown point: the names are listed", "after-lunch", "", 0, AfterFetch},
		{"an unknown mutant: the names are listed", "", "be-kind", 0, CommitBeforeAck},
		{"a mutant is no point", CommitBeforeAck, "", 0, "there is no such name"},
		{"no number", AfterFetch + ":soon", "", 0, "from 1 on"},
		{"the pass before the first", AfterFetch + ":0", "", 0, "from 1 on"},
		{"a number of nothing", ":3", "", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := choose(c.point, c.mutant)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for pass := 1; pass <= 5; pass++ {
				if got.strikes("") || got.strikes(BeforeAck) {
					t.Errorf("it strikes at another point")
				}
				if strikes := got.strikes(AfterFetch); strikes != (pass == c.strikes) {
					t.Errorf("pass %d: strikes %v", pass, strikes)
				}
			}
			if got.mutant != c.mutant {
				t.Errorf("mutant %q, want %q", got.mutant, c.mutant)
			}
		})
	}
}

// What the environment asks for happens to a whole process.
func TestProcess(t *testing.T) {
	if os.Getenv("FAULT_TEST_CHILD") != "" {
		for range 3 {
			Point(BeforeAck)
			fmt.Println("passed")
		}
		if Mutant(CommitBeforeAck) {
			fmt.Println("mutant")
		}
		os.Exit(0)
	}
	for _, c := range []struct {
		name, env, out string
		killed         bool
		code           int
	}{
		{"nothing is asked for", "A=B", "passed\npassed\npassed\n", false, 0},
		{"the second pass", PointEnv + "=" + BeforeAck + ":2", "passed\n", true, -1},
		{"a point that is not passed", PointEnv + "=" + AfterFetch, "passed\npassed\npassed\n", false, 0},
		{"a mutant", MutantEnv + "=" + CommitBeforeAck, "passed\npassed\npassed\nmutant\n", false, 0},
		{"a name that is not known", MutantEnv + "=be-kind", "", false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			cmd := exec.Command(os.Args[0], "-test.run=^TestProcess$")
			cmd.Env = append(os.Environ(), "FAULT_TEST_CHILD=1", c.env)
			cmd.Stdout = &out
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if out.String() != c.out || status.Signaled() != c.killed || cmd.ProcessState.ExitCode() != c.code {
				t.Errorf("it wrote %q and ended with %v", out.String(), cmd.ProcessState)
			}
		})
	}
}
