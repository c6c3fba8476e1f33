// Package conform examines a channel plugin from outside, over the protocol
// alone: whatever it is written in, it must do what the engine counts on. The
// command carillon plugin check runs it on an executable, and sdktest on a
// channel in Go that is served in the test's own process.
//
// A Kit examines one plugin. Its checks run one after another, in the order of
// Checks, and share one start of the plugin as long as they pass.
package conform

import (
	"context"
	"errors"
	"fmt"
	"time"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Target starts the plugin that is examined.
type Target interface {
	// Start returns when the plugin answers. Its error is what an operator would
	// be told.
	Start(ctx context.Context) (Plugin, error)
}

// Plugin is one life of it.
type Plugin interface {
	channelv1.ChannelClient
	// Health asks whether it serves.
	Health(ctx context.Context) error
	// Ended says how it ended ("exit status 2"), or "" while it runs.
	Ended() string
	// Stop asks it to leave, ends it otherwise, and says how it ended. forced: it
	// had to be killed.
	Stop() (how string, forced bool)
}

// Process is a Target whose plugin is a process of its own.
type Process interface {
	Target
	// ByHand starts it as a person would, without what the engine gives it, waits
	// for its end, and returns what it printed and its exit code. It is killed
	// when ctx ends, and err says so.
	ByHand(ctx context.Context) (printed string, code int, err error)
	// Orphan starts it from a process that dies then, and returns what of it still
	// runs after within: "the plugin (process 17)". All of that is killed.
	Orphan(ctx context.Context, within time.Duration) (left []string, err error)
	// Printed returns the beginning of what all its starts printed so far, and how
	// many bytes that were in all.
	Printed() (beginning string, bytes int64)
}

// Measured is a Plugin whose memory can be read.
type Measured interface {
	// Resident returns the bytes of memory that it takes now.
	Resident() (int64, error)
}

// Suite is what a Kit needs to know about the channel. The zero value will do
// for what needs no account.
type Suite struct {
	// Settings is the JSON object that opens an account that works, with Secrets.
	// Where it is empty, no check runs that needs an account.
	Settings string
	Secrets  map[string]string
	// Good returns an attempt that such an account sends: accepted or delivered.
	// i counts up, so that no two are alike.
	Good func(i int) *channelv1.Attempt
	// Slow returns one that its provider answers after 10 s or later. It may be nil.
	Slow func(i int) *channelv1.Attempt
	// Refused lists settings that must be refused.
	Refused []Refusal
	// Cases lists attempts with their verdicts, in this order.
	Cases []Case
	// Sends are those of the check of its memory. 0 stands for 100,000.
	Sends int
	// Patience bounds every wait. 0 stands for 10 s.
	Patience time.Duration
}

// Refusal is a setting that must be refused.
type Refusal struct {
	Settings string
	// Secrets stands for Suite.Secrets where it is not nil.
	Secrets map[string]string
	// Path is that of one of the faults: "tls.mode", "secrets.signing_key".
	Path string
}

// Case is one attempt and its verdict.
type Case struct {
	Name string
	// Settings stands for Suite.Settings where it is not empty.
	Settings string
	// Attempt makes the attempt.
	Attempt func() *channelv1.Attempt
	// Want is the verdict as sdk.Verdict shows it, or its first words: "accepted",
	// "rejected recipient", "throttled 30s".
	Want string
}

// Kit examines one plugin. It is used by one goroutine.
type Kit struct {
	target Target
	suite  Suite

	plugin Plugin // the one that runs; nil before the first and after a failed check
	opened map[string]bool
	about  *channelv1.DescribeResponse
	made   int // attempts made by good

	broken string            // why nothing can be examined
	closed string            // why nothing can be that needs an account
	canary map[string]string // values that must not be seen again
}

// NoAccount is Result.Why where the suite has none.
const NoAccount = "it needs an account, and none was given"

// New makes a kit. Close it.
func New(target Target, suite Suite) *Kit {
	if suite.Patience <= 0 {
		suite.Patience = 10 * time.Second
	}
	if suite.Sends <= 0 {
		suite.Sends = 100_000
	}
	k := &Kit{target: target, suite: suite, canary: map[string]string{}}
	if suite.Settings == "" || suite.Good == nil {
		k.closed = NoAccount
	}
	return k
}

// Close stops the plugin.
func (k *Kit) Close() { k.stop() }

// About is what the plugin said of itself, or nil.
func (k *Kit) About() *channelv1.DescribeResponse { return k.about }

// Result is what came of one check.
type Result struct {
	Name     string  `json:"name"`
	Expected string  `json:"expected"`
	Outcome  Outcome `json:"outcome"`
	// Findings are what is wrong, where it failed.
	Findings []Finding `json:"findings,omitempty"`
	// Why it did not run.
	Why     string  `json:"why,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Outcome of a check.
type Outcome string

// The outcomes of a check.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	NotRun Outcome = "not_run"
)

// Finding is one thing wrong: what came, and what to do about it.
type Finding struct {
	Got string `json:"got"`
	Do  string `json:"do"`
}

func (f *Finding) Error() string { return f.Got + ": " + f.Do }

// found makes a Finding.
func found(do, got string, args ...any) error {
	return &Finding{Got: fmt.Sprintf(got, args...), Do: do}
}

// Run runs one of Checks. A check that failed ends the plugin, and the next one
// starts it anew.
func (k *Kit) Run(ctx context.Context, c Check) Result {
	r := Result{Name: c.Name, Expected: c.Expected, Outcome: Passed}
	if r.Why = k.cannot(c); r.Why != "" {
		r.Outcome = NotRun
		return r
	}
	ctx, cancel := context.WithCancel(ctx) // of the streams that it leaves open
	defer cancel()
	began := time.Now()
	err := c.run(&exam{Kit: k, ctx: ctx})
	r.Seconds = time.Since(began).Seconds()
	if errors.Is(err, errors.ErrUnsupported) {
		r.Outcome, r.Why = NotRun, "this system can't do it"
		return r
	}
	if err != nil {
		r.Outcome, r.Findings = Failed, findings(err)
		k.stop()
		if c.then != nil {
			c.then(k)
		}
	}
	return r
}

func (k *Kit) cannot(c Check) string {
	switch {
	case k.broken != "":
		return k.broken
	case c.account && k.closed != "":
		return k.closed
	case c.given != nil:
		return c.given(k)
	}
	return ""
}

func (k *Kit) stop() {
	if k.plugin != nil {
		k.plugin.Stop()
	}
	k.plugin, k.opened = nil, nil
}

// findings takes joined errors apart. Of many alike the first few say enough.
func findings(err error) []Finding {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Finding
		for _, e := range joined.Unwrap() {
			all = append(all, findings(e)...)
		}
		return all[:min(len(all), 5)]
	}
	if f := (*Finding)(nil); errors.As(err, &f) {
		return []Finding{*f}
	}
	return []Finding{{Got: err.Error(), Do: "see what the plugin printed"}}
}
