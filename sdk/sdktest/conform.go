package sdktest

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// leavesNoGoroutine looks at the stacks of all goroutines for the SDK's and
// the channel's own code, first after a cancelled stream, then after Close.
func leavesNoGoroutine(t *testing.T, channel sdk.Channel, suite Suite) {
	p := serve(t, channel)
	p.open(t, "a", suite.Settings, suite.Secrets)
	s := p.deliver(t, "a")
	batch := make([]*sdk.Attempt, min(s.credits, 16))
	for i := range batch {
		batch[i] = suite.Good(i)
		batch[i].Token = uint64(i) + 1
	}
	s.send(t, batch)
	s.cancel()
	gone(t, patience/2, "after its stream was cancelled", "sdk.(*Server).Deliver", "sdk.(*replies)")
	p.stop()
	gone(t, patience/10, "after Close", packageOf(channel)+".")
}

func gone(t *testing.T, within time.Duration, when string, code ...string) {
	t.Helper()
	var left string
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if left = running(code); left == "" {
			return
		}
	}
	t.Errorf("still runs %s:\n%s", when, left)
}

// running returns the stack of a goroutine, no test's, that mentions the code.
func running(code []string) string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		for _, what := range code {
			if strings.Contains(stack, what) && !strings.Contains(stack, "testing.tRunner") {
				return stack
			}
		}
	}
	return ""
}

func runCases(t *testing.T, channel sdk.Channel, suite Suite) {
	p := serve(t, channel)
	for _, x := range suite.Cases {
		t.Run(x.Name, func(t *testing.T) {
			settings := suite.Settings
			if x.Settings != "" {
				settings = x.Settings
			}
			p.open(t, "a", settings, suite.Secrets)
			s := p.deliver(t, "a")
			defer s.cancel()
			if x.Prepare != nil {
				x.Prepare(t)
			}
			v := s.answers(t, []*sdk.Attempt{x.Attempt})[x.Attempt.Token]
			if got := v.String(); got != x.Want && !strings.HasPrefix(got, x.Want+" ") {
				t.Errorf("verdict %q, want %q", got, x.Want)
			}
			if x.Check != nil {
				x.Check(t, v)
			}
		})
	}
}
