//go:build integration

package chaos

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Most faults once or twice, on three nodes: nothing is lost, every send has one
// outcome, none that had ended goes out again, keys keep their order, and the flow's checks find nothing. `make chaos` runs longer, and
// judges what was doubled. Apache Kafka takes too long to start again.
func TestSample(t *testing.T) {
	sample(t, Config{Broker: "embedded", Length: 22 * time.Second, Faults: Kinds(), Seed: 3, Flow: true})
}

func TestSampleApache(t *testing.T) {
	kinds := []Kind{Zombie, Partition, Disk, Rolling, Kill}
	sample(t, Config{Broker: "kafka", Length: 12 * time.Second, Faults: kinds, Seed: 31})
}

func sample(t *testing.T, c Config) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	c.Command, c.Dir, c.Nodes, c.Partitions = []string{exe}, t.TempDir(), 3, 6
	c.SendsPerSecond, c.ProviderRate, c.Policy, c.Gap = 200, 1000, "resend", 2*time.Second
	c.Session, c.Settle, c.Progress = 3*time.Second, time.Minute, &log
	p, err := Run(t.Context(), c)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	var text strings.Builder
	p.Write(&text)
	t.Log(text.String())
	if p.Accepted < 1000 || p.Lost > 0 || p.OutcomesMany > 0 || p.DuplicatesResent > 0 || p.UnknownIDs > 0 || p.OffsetsBack > 0 ||
		p.Crashes > 0 || p.DoubledIdempotent > 0 || p.OrderViolations > 0 || *p.LimitOvershoot > p.LimitTolerance {
		t.Errorf("it failed:\n%s", log.String())
	}
	for _, f := range p.Flow {
		if f.Wrong > 0 || f.Judged == 0 {
			t.Errorf("%s: %d of %d are wrong", f.Check, f.Wrong, f.Judged)
		}
	}
	if len(p.Faults) < 4 {
		t.Errorf("only %v struck; take a seed with more", p.Faults)
	}
}
