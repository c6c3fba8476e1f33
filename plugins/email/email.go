// Package email sends email through an SMTP relay (RFC 5321).
//
// One attempt is one mail transaction with one recipient on a session of the
// account's pool, so that every recipient gets a reply and a verdict of its
// own. The session is the package's own, since an honest verdict turns on one
// fact that the usual clients hide: whether the final dot was written. Before
// it nothing can have been sent; after it only the server's answer tells.
//
// The way of an attempt: compose.go makes the message, dkim.go signs it,
// pool.go finds a session, session.go opens one, transaction.go hands the mail
// over, verdict.go reads the reply.
package email

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// Version is the plugin's own, by semantic versioning.
const Version = "0.1.0"

// answerWait is the least time that RFC 5321 section 4.5.3.2.6 gives a server
// to answer the final dot. Waiting less makes duplicates (RFC 1047).
const answerWait = 10 * time.Minute

//go:embed schema.json
var schema string

// New returns the email channel.
func New() sdk.Channel { return channel{} }

type channel struct{}

func (channel) Describe() sdk.Description {
	return sdk.Description{
		Name:           "email",
		Version:        Version,
		Content:        []string{"title", "body", "html", "media", "actions"},
		AddressKind:    "email",
		Deadline:       answerWait,
		SettingsSchema: schema,
		Secrets:        []string{secretPassword, secretDKIMKey},
		Limits:         []string{limitDomain},
	}
}

// Open checks the settings. The relay is first spoken to by sending.
func (channel) Open(_ context.Context, a sdk.AccountConfig) (sdk.Account, error) {
	cfg, err := newConfig(a)
	if err != nil {
		return nil, err
	}
	return &account{cfg: cfg, pool: newPool(cfg)}, nil
}

type account struct {
	cfg  *config
	pool *pool
}

// Connections is the most SMTP sessions at once.
func (a *account) Connections() int { return a.cfg.Connections }

// Deliver makes the attempts of the batch, as many at once as the account has
// connections. Batches that run at once share them.
func (a *account) Deliver(ctx context.Context, b *sdk.Batch) {
	start := time.Now()
	sdk.Each(ctx, b, a.cfg.Connections, func(ctx context.Context, at *sdk.Attempt) sdk.Verdict {
		return a.deliver(ctx, at, start)
	})
}

func (a *account) deliver(ctx context.Context, at *sdk.Attempt, start time.Time) sdk.Verdict {
	m, err := a.cfg.compose(at, time.Now())
	if err != nil {
		return verdictOf(err)
	}
	m.latest = latest(start, at.DeadlineMs)
	answer, err := a.pool.send(ctx, m)
	if err != nil {
		return verdictOf(err)
	}
	if id := queueID(answer.text); id != "" {
		return sdk.Accepted(id)
	}
	return sdk.Accepted(m.id)
}

// latest returns when the message of an attempt must be on its way: a quarter
// of the attempt's time is kept for the server's answer. An attempt that had
// waited long for a session would else end unknown where it could have been
// failed. 0 is no deadline, the zero time no bound.
func latest(start time.Time, deadlineMs int64) time.Time {
	if deadlineMs == 0 {
		return time.Time{}
	}
	deadline := time.UnixMilli(deadlineMs)
	return deadline.Add(-deadline.Sub(start) / 4)
}

// Close ends the open sessions with QUIT and waits for that, a few seconds at
// most.
func (a *account) Close() error {
	a.pool.close()
	return nil
}

// stop is the error of a step that ends an attempt: it knows its verdict.
type stop struct {
	verdict sdk.Verdict
	cause   error
}

func (s *stop) Error() string {
	if s.cause == nil {
		return s.verdict.String()
	}
	return s.verdict.String() + ": " + s.cause.Error()
}

func (s *stop) Unwrap() error { return s.cause }

func rejected(c sdk.Class, code string) error { return &stop{verdict: sdk.Rejected(c, code)} }

func failed(code string, cause error) error { return &stop{sdk.Failed(code), cause} }

// verdictOf falls back to failed: whatever can go wrong after the final dot
// brings a verdict of its own.
func verdictOf(err error) sdk.Verdict {
	var s *stop
	if errors.As(err, &s) {
		return s.verdict
	}
	return sdk.Failed("internal")
}
