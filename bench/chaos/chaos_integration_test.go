//go:build integration

package chaos

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Every fault once or twice, on three nodes: nothing is lost, and every send
// has one outcome. `make chaos` runs longer, and judges what was doubled.
func TestSample(t *testing.T) {
	var log strings.Builder
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Run(t.Context(), Config{
		Command: []string{exe}, Dir: t.TempDir(), Nodes: 3, Partitions: 6, Length: 25 * time.Second,
		SendsPerSecond: 200, Faults: Kinds(), Gap: 2 * time.Second, Seed: 1, Broker: "embedded", Policy: "resend",
		ProviderRate: 1000, Session: 3 * time.Second, Settle: time.Minute, Progress: &log,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	var text strings.Builder
	p.Write(&text)
	t.Log(text.String())
	if p.Accepted < 1000 || p.Lost > 0 || p.OutcomesMany > 0 || p.UnknownIDs > 0 || p.OffsetsBack > 0 || p.Crashes > 0 || p.DoubledIdempotent > 0 {
		t.Errorf("it failed:\n%s", log.String())
	}
	if len(p.Faults) < 5 {
		t.Errorf("only %v struck; take a seed with more", p.Faults)
	}
}
