//go:build integration

package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/chaos"
	"github.com/carillonhq/carillon/engine/fault"
)

// TestMutants shows that the suite notices every mutant: some killer fails with
// it that succeeds without. The first one that fails ends a mutant's search.
func TestMutants(t *testing.T) {
	all := distinct()
	suites := buildSuites(t, all)
	if !t.Run("unchanged", func(t *testing.T) {
		for _, k := range all {
			t.Run(k.String(), func(t *testing.T) {
				t.Parallel()
				if by, out := k.run(t, suites, ""); by != "" {
					t.Errorf("%s fails without any mutant, so that its failures show nothing:\n%s", by, out)
				}
			})
		}
	}) {
		return
	}
	var mu sync.Mutex
	rows := map[string]string{}
	t.Run("mutants", func(t *testing.T) {
		for _, m := range fault.Mutants() {
			t.Run(m.Name, func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				by := kill(t, suites, m.Name)
				mu.Lock()
				defer mu.Unlock()
				rows[m.Name] = fmt.Sprintf("%-26s %5.1f s  %s\n", m.Name, time.Since(began).Seconds(), by)
			})
		}
	})
	var table strings.Builder
	for _, m := range fault.Mutants() {
		table.WriteString(rows[m.Name])
	}
	fmt.Printf("\n%-26s %7s  killed by\n%s\n", "mutant", "after", table.String())
}

// kill returns which test noticed the mutant.
func kill(t *testing.T, suites map[string]suite, mutant string) string {
	if len(killers[mutant]) == 0 {
		t.Errorf("%s has no killer in killers_integration_test.go", mutant)
	}
	for _, k := range killers[mutant] {
		if by, _ := k.run(t, suites, mutant); by != "" {
			return by
		}
	}
	t.Errorf("%s survives: nothing of %v notices it; write the test that does", mutant, killers[mutant])
	return "SURVIVES"
}

// run returns what failed, and its output; "" where nothing did.
func (k killer) run(t *testing.T, suites map[string]suite, mutant string) (by, out string) {
	t.Helper()
	var err error
	if k.faults != "" {
		by, out, err = k.runChaos(t, mutant)
	} else {
		by, out, err = k.runTests(suites[k.pkg], mutant)
	}
	if err != nil {
		t.Fatal(err)
	}
	if by != "" {
		by = k.String() + ": " + by
	}
	return by, out
}

// tooLong ends a test that a mutant keeps from ending, which is a way to notice
// it.
const tooLong = 60 * time.Second

func (k killer) runTests(s suite, mutant string) (by, out string, err error) {
	cmd := exec.Command(s.file, "-test.failfast", "-test.timeout="+tooLong.String(), "-test.run="+k.tests)
	if s.rapid {
		cmd.Args = append(cmd.Args, "-rapid.nofailfile")
	}
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), fault.MutantEnv+"="+mutant)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil && strings.Contains(string(text), "no tests to run"):
		return "", "", fmt.Errorf("%s has no tests %s", k.pkg, k.tests)
	case err == nil:
		return "", "", nil
	case errors.As(err, &exit):
		return failed(string(text)), string(text), nil
	}
	return "", "", err
}

var (
	failures = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)
	hanging  = regexp.MustCompile(`running tests:\s+(\S+)`)
)

// failed returns the first test that failed, as deep down as it is known.
func failed(out string) string {
	if hung := hanging.FindStringSubmatch(out); hung != nil {
		return hung[1] + " (does not end)"
	}
	name := "a crash"
	for i, f := range failures.FindAllStringSubmatch(out, -1) {
		if i > 0 && !strings.HasPrefix(f[1], name+"/") {
			break
		}
		name = f[1]
	}
	return name
}

// runChaos has faults strike nodes that are mutants.
func (k killer) runChaos(t *testing.T, mutant string) (by, out string, err error) {
	exe, err := carillonWithFaults()
	if err != nil {
		return "", "", err
	}
	kinds, err := chaos.ParseKinds(k.faults)
	if err != nil {
		return "", "", err
	}
	var log strings.Builder
	report, err := chaos.Run(t.Context(), chaos.Config{
		Command: []string{"env", fault.MutantEnv + "=" + mutant, exe}, Dir: t.TempDir(),
		Nodes: 3, Partitions: 6, Length: 15 * time.Second, SendsPerSecond: 300, Faults: kinds, Gap: 2 * time.Second,
		Seed: k.seed, Broker: "embedded", Policy: "resend", ProviderRate: 1000, Session: 3 * time.Second,
		Settle: time.Minute, Progress: &log,
	})
	if err != nil {
		return "", "", fmt.Errorf("%w\n%s", err, log.String())
	}
	report.Write(&log)
	return broken(report), log.String(), nil
}

// broken returns the promise that a run shows to be broken, "" for none. What
// depends on the machine's pace is not looked at.
func broken(r *chaos.Report) string {
	switch {
	case r.Lost > 0:
		return fmt.Sprintf("%d lost", r.Lost)
	case r.Doubled > r.DoubledBound:
		return fmt.Sprintf("%d doubled, %d were open", r.Doubled, r.DoubledBound)
	case r.DoubledIdempotent > 0:
		return fmt.Sprintf("%d doubled in spite of the key", r.DoubledIdempotent)
	case r.OutcomesMany > 0:
		return fmt.Sprintf("%d with more than one outcome", r.OutcomesMany)
	case r.OffsetsBack > 0:
		return fmt.Sprintf("offsets went back %d times", r.OffsetsBack)
	}
	return ""
}
