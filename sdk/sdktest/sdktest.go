// Package sdktest proves that a channel keeps its side of the plugin protocol,
// over real gRPC: a listener, a server, a client, as in production but for the
// child process.
//
//	func TestConform(t *testing.T) {
//		sdktest.Conform(t, mychannel.New, sdktest.Suite{
//			Settings: `{"url": "http://127.0.0.1:…"}`,
//			Good:     func(i int) *sdk.Attempt { return sdktest.Attempt(i) },
//		})
//	}
package sdktest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/conform"
)

// Suite is what Conform needs to know about a channel.
type Suite struct {
	// Settings (a JSON object) and Secrets open an account that works.
	Settings string
	Secrets  map[string]string
	// Good returns an attempt that such an account sends: accepted or
	// delivered. i counts up, so that no two are alike.
	Good func(i int) *sdk.Attempt
	// Slow returns one that its provider answers after 10 s or later. It may be nil.
	Slow func(i int) *sdk.Attempt
	// Refused lists settings that must be refused.
	Refused []Refusal
	// Cases lists attempts with their verdicts, in this order.
	Cases []Case
}

// Refusal is a setting that must be refused.
type Refusal = conform.Refusal

// Case is one attempt and its verdict.
type Case struct {
	Name string
	// Settings stands for Suite.Settings where it is not empty.
	Settings string
	// Prepare is called before the attempt, to tell the simulator of the
	// provider what to do. It may be nil.
	Prepare func(t *testing.T)
	Attempt *sdk.Attempt
	// Want is the verdict as Verdict.String shows it, or its first words:
	// "accepted", "rejected recipient", "throttled 30s".
	Want string
	// Check looks at more than that. It may be nil.
	Check func(t *testing.T, v sdk.Verdict)
}

// Attempt makes an attempt with something in every field that a channel is
// likely to use, and a deadline in a minute. i names it: its key, id, recipient and
// token. The changes are applied in order.
func Attempt(i int, changes ...func(*sdk.Attempt)) *sdk.Attempt {
	a := &sdk.Attempt{
		Token: uint64(i) + 1, Key: fmt.Sprintf("%032x", i+1), Id: fmt.Sprintf("send-%d", i),
		App: "shop", Recipient: fmt.Sprintf("recipient-%d", i),
		Address: &channelv1.Address{Value: fmt.Sprintf("recipient-%d", i)},
		Content: &carillonv1.Content{Title: "Your order", Body: "It has left our house."},
		Data:    []byte(`{"order": 17}`), Class: carillonv1.Class_CLASS_TRANSACTIONAL,
		Locale: "en", Attempt: 1, DeadlineMs: time.Now().Add(time.Minute).UnixMilli(),
	}
	for _, change := range changes {
		change(a)
	}
	return a
}

// To is a change for Attempt: the address.
func To(address string) func(*sdk.Attempt) {
	return func(a *sdk.Attempt) { a.Address = &channelv1.Address{Value: address} }
}

// Conform runs the checks of package conform that need no process of their own,
// then the cases of the suite, and looks for goroutines that stay.
func Conform(t *testing.T, newChannel func() sdk.Channel, s Suite) {
	target := &target{t: t, newChannel: newChannel}
	suite := conform.Suite{
		Settings: s.Settings, Secrets: s.Secrets, Good: s.Good, Slow: s.Slow, Refused: s.Refused, Patience: patience,
	}
	kit := conform.New(target, suite)
	t.Cleanup(kit.Close)
	for _, check := range conform.Checks() {
		t.Run(check.Name, func(t *testing.T) {
			r := kit.Run(t.Context(), check)
			if r.Outcome == conform.Failed {
				t.Errorf("expected: %s", r.Expected)
			}
			for _, f := range r.Findings {
				t.Errorf("%s\n\tdo: %s", f.Got, f.Do)
			}
			if r.Outcome == conform.NotRun {
				t.Log("not run: " + r.Why)
			}
		})
	}
	kit.Close()
	t.Run("goroutines", func(t *testing.T) { leavesNoGoroutine(t, newChannel(), s) })
	t.Run("verdicts", func(t *testing.T) { runCases(t, newChannel(), s) })
}

// target serves the channel in the test's process.
type target struct {
	t          testing.TB // of all checks: they share a start
	newChannel func() sdk.Channel
}

// Start serves a new channel.
func (s *target) Start(context.Context) (conform.Plugin, error) {
	return &served{serve(s.t, s.newChannel())}, nil
}

type served struct{ *peer }

func (*served) Health(context.Context) error { return nil }
func (*served) Ended() string                { return "" }

func (s *served) Stop() (string, bool) {
	s.peer.stop()
	return "", false
}

// packageOf is the import path of the channel's package.
func packageOf(c sdk.Channel) string {
	typ := reflect.TypeOf(c)
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return typ.PkgPath()
}
