package engine_test

import (
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// These tests run whole nodes against a cluster and providers on virtual time:
// five minutes of load and faults take a second or two.
//
// A seed fixes the plan: the sends, the faults, when they come and whom they
// strike, what a packet takes, and what a provider does with each attempt. It
// does not fix in which order goroutines run at one instant, and so not which
// send a fault meets halfway: a seed that failed is likely to fail again, and
// may not. -count finds it.
var (
	seedCount  = flag.Int("seeds", 1, "how many scenarios on virtual time to run of each kind")
	firstSeed  = flag.Uint64("seed", 1, "the seed of the first of them; the others are the numbers that follow")
	virtualLog = flag.Bool("virtual-log", false, "show what the nodes log on virtual time")
)

func TestVirtual(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []faultKind
	}{
		{"calm", nil},
		{"rolling", []faultKind{restarted}},
		{"kafka", []faultKind{leaders, coordinator, lostCommit, lostWrite, evicted}},
		{"deaths", []faultKind{killed, crashed, wiped, pluginDown}},
		{"network", []faultKind{zombie, cutOff, reset, brokerDown}},
		{"storm", allFaults},
	} {
		for i := range *seedCount {
			seed := *firstSeed + uint64(i)
			t.Run(fmt.Sprintf("%s/seed=%d", c.name, seed), func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				var v *verdict
				synctest.Test(t, func(t *testing.T) { v = play(t, seed, c.faults) })
				t.Logf("%v of real time; %s", time.Since(began).Round(10*time.Millisecond), v)
				v.tell(t)
				if t.Failed() {
					t.Logf("again: go test ./engine -run TestVirtual/%s -seeds 1 -seed %d -count 10", c.name, seed)
				}
			})
		}
	}
}

// mostTold bounds what one scenario has to say: a shard that stands still breaks
// a promise for each of its sends.
const mostTold = 12

func (v *verdict) tell(t *testing.T) {
	for _, f := range v.faults[:min(len(v.faults), mostTold)] {
		t.Error(f)
	}
	if more := len(v.faults) - mostTold; more > 0 {
		t.Errorf("and %d more", more)
	}
	if t.Failed() {
		for _, f := range v.strikes {
			t.Log(f)
		}
	}
}
