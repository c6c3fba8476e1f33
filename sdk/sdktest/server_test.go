package sdktest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/carillonhq/carillon/sdk"
)

// double is a channel whose Deliver is given by the test.
type double struct {
	deliver func(context.Context, *sdk.Batch)
	openErr error
	opened  atomic.Int64
	closed  atomic.Int64
}

func (*double) Describe() sdk.Description {
	return sdk.Description{
		Name: "double", Version: "1.0.0", AddressKind: "recipient", Content: []string{"body"}, MaxBatch: 8, MaxOpen: 32,
		SettingsSchema: `{"type": "object", "additionalProperties": false}`,
	}
}

func (d *double) Open(_ context.Context, cfg sdk.AccountConfig) (sdk.Account, error) {
	if err := cfg.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	if d.openErr != nil {
		return nil, d.openErr
	}
	d.opened.Add(1)
	return doubleAccount{d}, nil
}

type doubleAccount struct{ *double }

func (a doubleAccount) Deliver(ctx context.Context, b *sdk.Batch) { a.deliver(ctx, b) }

func (a doubleAccount) Close() error {
	a.closed.Add(1)
	return nil
}

func accept(_ context.Context, b *sdk.Batch) {
	for i := range b.Attempts {
		b.Reply(i, sdk.Accepted(""))
	}
}

// TestEveryAttemptGetsOneResult does what a channel with bugs does.
func TestEveryAttemptGetsOneResult(t *testing.T) {
	for name, x := range map[string]struct {
		deliver func(context.Context, *sdk.Batch)
		want    [3]string
	}{
		"answers": {accept, [3]string{"accepted", "accepted", "accepted"}},
		"forgets": {func(_ context.Context, b *sdk.Batch) { b.Reply(1, sdk.Failed("x")) },
			[3]string{"unknown unanswered", "failed x", "unknown unanswered"}},
		"panics": {func(_ context.Context, b *sdk.Batch) {
			b.Reply(0, sdk.Accepted(""))
			panic("a bug")
		}, [3]string{"accepted", "unknown panic", "unknown panic"}},
		"answers twice": {func(ctx context.Context, b *sdk.Batch) {
			b.Reply(0, sdk.Failed("first"))
			accept(ctx, b)
		}, [3]string{"failed first", "accepted", "accepted"}},
		"answers from many goroutines": {func(ctx context.Context, b *sdk.Batch) {
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() { accept(ctx, b) })
			}
			all.Wait()
		}, [3]string{"accepted", "accepted", "accepted"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, &double{deliver: x.deliver})
			p.open(t, "a", `{}`, nil)
			s := p.deliver(t, "a")
			granted := s.credits
			batch := []*sdk.Attempt{Attempt(0), Attempt(1), Attempt(2)}
			s.send(t, batch)
			results := s.finish(t) // all that comes, so that a second one is seen
			verdicts := byToken(t, batch, results)
			for i, want := range x.want {
				if got := verdicts[batch[i].Token].String(); got != want {
					t.Errorf("attempt %d: %q, want %q", i, got, want)
				}
			}
			if s.credits != granted+3 {
				t.Errorf("%d credits, want %d", s.credits, granted+3)
			}
		})
	}
}

// TestReplacedAccountEnds: the old account is closed when its last batch has
// ended and not before, and all are closed at the end.
func TestReplacedAccountEnds(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	d := &double{}
	d.deliver = func(ctx context.Context, b *sdk.Batch) {
		close(begun)
		<-end
		if n := d.closed.Load(); n != 0 {
			t.Errorf("%d accounts are closed under a batch", n)
		}
		accept(ctx, b)
	}
	p := serve(t, d)
	p.open(t, "a", `{}`, nil)
	s := p.deliver(t, "a")
	s.send(t, []*sdk.Attempt{Attempt(0)})
	<-begun
	p.open(t, "a", `{}`, nil)
	p.open(t, "b", `{}`, nil)
	close(end)
	allSent(t, s.await(t, []*sdk.Attempt{Attempt(0)}))
	p.stop()
	if opened, closed := d.opened.Load(), d.closed.Load(); opened != 3 || closed != 3 {
		t.Errorf("%d accounts opened, %d closed, want 3 and 3", opened, closed)
	}
}

// TestOpenFails: an error that is no fault in the settings fails the call.
func TestOpenFails(t *testing.T) {
	p := serve(t, &double{openErr: errors.New("no such file")})
	_, err := p.Configure(soon(t), configureRequest("a", `{}`, nil))
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("Configure: %v, want FailedPrecondition", err)
	}
}

// TestDeadlineOfABatch is the last of its attempts' deadlines, and that of
// the stream where one has none.
func TestDeadlineOfABatch(t *testing.T) {
	var got atomic.Int64
	p := serve(t, &double{deliver: func(ctx context.Context, b *sdk.Batch) {
		got.Store(0)
		if at, ok := ctx.Deadline(); ok {
			got.Store(at.UnixMilli())
		}
		accept(ctx, b)
	}})
	p.open(t, "a", `{}`, nil)
	s := p.deliver(t, "a")
	early, late, never := Attempt(0), Attempt(1), Attempt(2)
	late.DeadlineMs = time.Now().Add(patience / 2).UnixMilli() // before the stream's own
	early.DeadlineMs = late.DeadlineMs - 1000
	never.DeadlineMs = 0
	s.answers(t, []*sdk.Attempt{late, early})
	if got.Load() != late.DeadlineMs {
		t.Errorf("deadline %d, want %d", got.Load(), late.DeadlineMs)
	}
	s.answers(t, []*sdk.Attempt{late, never})
	if got.Load() <= late.DeadlineMs {
		t.Errorf("deadline %d, want the stream's", got.Load())
	}
}

// TestCancelReaches: a stream that ends takes the context of its batches along.
func TestCancelReaches(t *testing.T) {
	ended := make(chan struct{})
	p := serve(t, &double{deliver: func(ctx context.Context, _ *sdk.Batch) {
		<-ctx.Done()
		close(ended)
	}})
	p.open(t, "a", `{}`, nil)
	s := p.deliver(t, "a")
	s.send(t, []*sdk.Attempt{Attempt(0)})
	s.cancel()
	<-ended
}
