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
	"fmt"
	"reflect"
	"testing"
	"time"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
)

// Suite is what Conform needs to know about a channel.
type Suite struct {
	// Settings (a JSON object) and Secrets open an account that works.
	Settings string
	Secrets  map[string]string
	// Good returns an attempt that such an account sends: accepted or
	// delivered. i counts up, so that no two are alike.
	Good func(i int) *sdk.Attempt
	// Refused lists settings that must be refused.
	Refused []Refusal
	// Cases lists attempts with their verdicts, in this order.
	Cases []Case
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

// Conform runs the cases that every channel must pass, then those of the suite.
func Conform(t *testing.T, newChannel func() sdk.Channel, s Suite) {
	c := &conformance{suite: s, newChannel: newChannel}
	for _, check := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"describes itself", c.describes},
		{"checks its settings", c.checksSettings},
		{"shows no secret", c.showsNoSecret},
		{"answers each attempt once", c.answersOnce},
		{"grants credits", c.grantsCredits},
		{"survives a bare attempt", c.survivesBareAttempt},
		{"refuses an unknown account", c.refusesUnknownAccount},
		{"accepts nothing too late", c.acceptsNothingLate},
		{"serves two accounts", c.servesTwoAccounts},
		{"replaces an account", c.replacesAccount},
		{"leaves no goroutine", c.leavesNoGoroutine},
		{"cases", c.cases},
	} {
		t.Run(check.name, check.run)
	}
}

type conformance struct {
	suite      Suite
	newChannel func() sdk.Channel
	made       int // attempts made by good
}

// good makes n attempts with tokens of their own.
func (c *conformance) good(n int) []*sdk.Attempt {
	batch := make([]*sdk.Attempt, n)
	for i := range batch {
		batch[i] = c.suite.Good(c.made)
		c.made++
		batch[i].Token = uint64(c.made)
	}
	return batch
}

// packageOf is the import path of the channel's package.
func packageOf(c sdk.Channel) string {
	typ := reflect.TypeOf(c)
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	return typ.PkgPath()
}
