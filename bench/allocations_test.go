//go:build !race

package bench

// Not with the race detector, which allocates as well.

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/carillonhq/carillon/bench/limit"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig/rigtest"
	"github.com/carillonhq/carillon/bench/workload"
)

var update = flag.Bool("update", false, "write testdata/baseline.json anew")

const baselineFile = "testdata/baseline.json"

// The engine allocates for each send no more than the baseline says: how many
// objects and bytes, which depend on neither the machine's speed nor what else it
// does. Whoever means to allocate more, or has come to need less, writes it anew:
//
//	go test ./bench -run TestAllocations -update
func TestAllocations(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2") // of the engine: each core has buffers of its own
	w := workload.Default()
	w.Sends = 50_000 // at which a start is a fifth of all, and batches are full
	now, err := limit.Run(t.Context(), limit.Config{
		Dir: t.TempDir(), Command: rigtest.Command(t), Broker: "embedded", // whatever the others run on
		Workload: w, Rounds: 1, Partitions: 16, Kinds: []string{limit.Engine},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := only(now, guarded...).WriteFile(baselineFile); err != nil {
			t.Fatal(err)
		}
	}
	old, err := report.ReadFile(baselineFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Baseline(old, now, guarded...); err != nil {
		t.Errorf("%v\nif that is meant, write the baseline anew: go test ./bench -run TestAllocations -update", err)
	}
	for _, name := range guarded {
		t.Logf("%s: %.2f, and %.2f in the baseline", name, now.Figure(name).Value, old.Figure(name).Value)
	}
	canFail(t, now)
}

var guarded = []string{"engine_allocs_per_send", "engine_alloc_bytes_per_send"}

// canFail says whether the guard would notice an engine that allocates half as
// much again as a baseline.
func canFail(t *testing.T, now *report.Result) {
	t.Helper()
	for _, name := range guarded {
		doctored := only(now, guarded...)
		doctored.Figure(name).Value /= 1.5
		doctored.Figure(name).Rounds = nil
		err := report.Baseline(doctored, now, guarded...)
		if err == nil || !strings.Contains(err.Error(), name+" is worse") {
			t.Errorf("of a baseline with a third less %s it says %v", name, err)
		}
	}
}

// only is a result with some figures alone, and nothing of this machine: what a
// baseline needs.
func only(r *report.Result, names ...string) *report.Result {
	some := &report.Result{Command: r.Command, Passed: true, Versions: r.Versions, Broker: r.Broker, Settings: r.Settings}
	for _, f := range r.Figures {
		if slices.Contains(names, f.Name) {
			some.Figures = append(some.Figures, f)
		}
	}
	return some
}
