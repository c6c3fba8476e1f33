package sdktest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
)

// start serves a new channel with the account "a" open.
func (c *conformance) start(t *testing.T) *peer {
	t.Helper()
	p := serve(t, c.newChannel())
	p.open(t, "a", c.suite.Settings, c.suite.Secrets)
	return p
}

// answersOnce sends batches of no, one and the most attempts at once.
func (c *conformance) answersOnce(t *testing.T) {
	p := c.start(t)
	about, err := p.Describe(soon(t), &channelv1.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, int(about.MaxBatch)} {
		t.Run(fmt.Sprintf("batch of %d", size), func(t *testing.T) {
			s := p.deliver(t, "a")
			batch := c.good(size)
			s.send(t, batch)
			allSent(t, byToken(t, batch, s.finish(t)))
		})
	}
}

func (c *conformance) grantsCredits(t *testing.T) {
	s := c.start(t).deliver(t, "a")
	first := s.credits
	for range 3 {
		batch := c.good(min(first, 5))
		allSent(t, s.answers(t, batch))
	}
	s.finish(t)
	if want := first + 3*min(first, 5); s.credits != want {
		t.Errorf("%d credits after 3 batches, want %d: the first %d and one for each result", s.credits, want, first)
	}
}

// survivesBareAttempt sends what no engine sends: nothing but a token.
func (c *conformance) survivesBareAttempt(t *testing.T) {
	s := c.start(t).deliver(t, "a")
	v := s.answers(t, []*sdk.Attempt{{Token: 1}})[1]
	if strings.HasSuffix(v.String(), " panic") {
		t.Error("the channel panics")
	}
	allSent(t, s.answers(t, c.good(1)))
}

func (c *conformance) refusesUnknownAccount(t *testing.T) {
	call, err := c.start(t).Deliver(soon(t))
	if err == nil {
		err = call.Send(&channelv1.DeliverRequest{Account: "nobody"})
	}
	if err == nil {
		_, err = call.Recv()
	}
	if status.Code(err) != codes.NotFound {
		t.Errorf("Deliver to an account that is not configured: %v, want NotFound", err)
	}
}

func (c *conformance) acceptsNothingLate(t *testing.T) {
	s := c.start(t).deliver(t, "a")
	batch := c.good(4)
	for i, a := range batch[:3] {
		a.DeadlineMs = time.Now().Add(-time.Duration(i) * time.Minute).UnixMilli()
	}
	verdicts := s.answers(t, batch)
	for _, a := range batch[:3] {
		if v := verdicts[a.Token]; sent(v) {
			t.Errorf("an attempt whose deadline had passed is %q", v)
		}
	}
	if v := verdicts[batch[3].Token]; !sent(v) {
		t.Errorf("the attempt in time beside late ones is %q", v)
	}
}

func (c *conformance) servesTwoAccounts(t *testing.T) {
	p := c.start(t)
	p.open(t, "b", c.suite.Settings, c.suite.Secrets)
	a, b := p.deliver(t, "a"), p.deliver(t, "b")
	for range 3 {
		toA, toB := c.good(3), c.good(3)
		a.send(t, toA)
		b.send(t, toB)
		allSent(t, a.await(t, toA))
		allSent(t, b.await(t, toB))
	}
}

// replacesAccount configures an account again while a stream runs.
func (c *conformance) replacesAccount(t *testing.T) {
	p := c.start(t)
	s := p.deliver(t, "a")
	for range 3 {
		batch := c.good(8)
		s.send(t, batch)
		p.open(t, "a", c.suite.Settings, c.suite.Secrets)
		allSent(t, s.await(t, batch))
	}
}

// leavesNoGoroutine looks at the stacks of all goroutines for the SDK's and
// the channel's own code, first after a cancelled stream, then after Close.
func (c *conformance) leavesNoGoroutine(t *testing.T) {
	channel := c.newChannel()
	p := serve(t, channel)
	p.open(t, "a", c.suite.Settings, c.suite.Secrets)
	s := p.deliver(t, "a")
	s.send(t, c.good(min(s.credits, 16)))
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

func (c *conformance) cases(t *testing.T) {
	p := serve(t, c.newChannel())
	for _, x := range c.suite.Cases {
		t.Run(x.Name, func(t *testing.T) {
			settings := c.suite.Settings
			if x.Settings != "" {
				settings = x.Settings
			}
			p.open(t, "a", settings, c.suite.Secrets)
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
