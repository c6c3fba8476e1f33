package limit

import (
	"context"
	"testing"

	"github.com/carillonhq/carillon/bench/rig/rigtest"
	"github.com/carillonhq/carillon/bench/workload"
)

// TestMain lets this test binary be every process that takes part.
func TestMain(m *testing.M) {
	rigtest.Main(m, map[string]func(context.Context, []string) error{
		"bench": func(ctx context.Context, args []string) error { return Serve(ctx, args[1]) },
	})
}

// One small round of everything: only that it does what it measures, not how
// fast.
func TestLimitSmoke(t *testing.T) {
	w := workload.Default()
	w.Sends = 5000
	res, err := Run(t.Context(), Config{
		Dir: t.TempDir(), Command: rigtest.Command(t), Broker: "embedded",
		Workload: w, Rounds: 1, Partitions: 4, Kinds: Kinds(), Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Write(t.Output()); err != nil {
		t.Fatal(err)
	}
}
