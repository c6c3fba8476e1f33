// Package sdk is what the author of a channel plugin imports.
//
// A plugin is a program of its own that the Carillon engine starts and talks
// to over gRPC. Its author implements Channel and Account and calls Serve:
//
//	func main() { sdk.Serve(mychannel.New) }
//
// The engine decides who is sent what and when, keeps the limits, retries and
// remembers. The plugin makes one attempt per call and says honestly how it
// went. It must not retry by itself: attempts could then no longer be counted.
package sdk

import (
	"context"
	"time"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Channel is a kind of channel: email, a push service, an SMS provider.
// Its methods may be called from several goroutines.
type Channel interface {
	// Describe says what the channel is and can do. It depends on no
	// configuration.
	Describe() Description
	// Open opens an account with its settings. Faults in the settings are
	// returned as Faults, so that all of them are shown at once. Open should
	// not wait for the provider: an unreachable one is found out, and tried
	// again, by sending. ctx bounds the call alone.
	Open(ctx context.Context, a AccountConfig) (Account, error)
}

// Account is one open account of a channel: one API key, one SMTP relay.
type Account interface {
	// Deliver makes one attempt for each entry of the batch and answers it with
	// Batch.Reply. It returns when all are answered; what it leaves unanswered
	// counts as Unknown. Several calls may run at once. ctx ends when the
	// engine no longer waits for the batch.
	Deliver(ctx context.Context, b *Batch)
	// Close ends the account. No Deliver runs then, and none follows.
	Close() error
}

// Connected is for an Account that bounds its connections to the provider. The
// engine refuses a configuration with which all nodes together could open more
// than the provider takes.
type Connected interface {
	// Connections is how many the account opens at most in this process.
	Connections() int
}

// Attempt is one try at one send, as the protocol carries it. It is read-only,
// and may be kept; its strings share memory with the rest of their batch, so
// clone the few that are kept for long.
type Attempt = channelv1.Attempt

// Description says what a channel is and can do.
type Description struct {
	// Name is the channel's kind: "email".
	Name string
	// Version is the plugin's own, by semantic versioning.
	Version string
	// Content lists what it can show: "title", "body", "html", "media",
	// "actions".
	Content []string
	// AddressKind is what it is addressed by: "email", "phone", "webhook",
	// "recipient" (the recipient's id), "push.<platform>" or "chat.<name>".
	AddressKind string
	// MaxBatch bounds one Deliver call. 0 stands for 128.
	MaxBatch int
	// MaxOpen bounds the attempts that are open at once on one account.
	// 0 stands for 1024.
	MaxOpen int
	// Idempotent: the provider does nothing twice for the same Attempt.Key
	// within Lifetime (0: for ever).
	Idempotent bool
	Lifetime   time.Duration
	// Deadline is how long one attempt may take until the engine counts it as
	// unknown. 0 stands for 30 s.
	Deadline time.Duration
	// SettingsSchema is a JSON Schema (draft 2020-12) of the settings.
	SettingsSchema string
	// Secrets names the secrets that an account may be given.
	Secrets []string
	// MaxPerSecond is how many attempts a second the provider takes of any account,
	// of all nodes together: a configured rate can be lower, and not higher. 0 is no
	// such limit.
	MaxPerSecond float64
	// MaxConnections is how many connections the provider takes of any account, of
	// all nodes together. 0 is none that is known. See Connected.
	MaxConnections int
	// Limits names what a Throttled verdict may slow, besides the account.
	Limits []string
}

// Batch is what one Deliver call is given.
type Batch struct {
	Attempts []*Attempt

	reply func(i int, v Verdict)
	spare spare // the server's; nil in tests
}

// NewBatch makes a batch whose replies go to reply, for the tests of a channel.
func NewBatch(attempts []*Attempt, reply func(i int, v Verdict)) *Batch {
	return &Batch{Attempts: attempts, reply: reply}
}

// Reply gives the verdict on Attempts[i]. The first reply counts. It may be
// called from any goroutine.
func (b *Batch) Reply(i int, v Verdict) { b.reply(i, v) }
