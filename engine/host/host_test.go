package host

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// quick is a supervision that does not keep a test waiting.
var quick = Config{MinBackoff: 10 * time.Millisecond, MaxBackoff: 200 * time.Millisecond, DrainTimeout: 20 * time.Second}

func bundled(kind string, accounts ...Account) Spec {
	if len(accounts) == 0 {
		accounts = []Account{{Name: "main"}}
	}
	return Spec{Name: "test", Args: append([]string{"plugin", "serve"}, kind), Accounts: accounts}
}

// running starts supervision and ends it with the test. What Run returned is
// sent on the channel.
func running(t *testing.T, spec Spec, cfg Config, log zerolog.Logger) (p *Plugin, result chan error, cancel func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p, result = New(spec, cfg, log), make(chan error, 1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		result <- p.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-over })
	return p, result, cancel
}

func up(t *testing.T, spec Spec, cfg Config) *Plugin {
	t.Helper()
	p, result, _ := running(t, spec, cfg, zerolog.Nop())
	select {
	case <-p.Ready():
	case err := <-result:
		t.Fatalf("Run ended: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatalf("not ready: %+v", p.State())
	}
	return p
}

func openStream(t *testing.T, p *Plugin) Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	stream, err := p.Deliver(ctx, "main", false)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// roundTrip sends one attempt and returns its result.
func roundTrip(stream Stream, token uint64) (*channelv1.Result, error) {
	err := stream.Send(&channelv1.DeliverRequest{Attempts: []*channelv1.Attempt{{Token: token}}})
	if err != nil {
		return nil, err
	}
	for {
		res, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if len(res.Results) > 0 {
			return res.Results[0], nil
		}
	}
}

func TestStreamRoundTrip(t *testing.T) {
	p := up(t, bundled("echo"), quick)
	about, err := p.Describe(t.Context())
	if err != nil || about.Name != "echo" || about.MaxBatch != 128 || about.DeadlineMs != 30_000 {
		t.Fatalf("Describe = %v, %v", about, err)
	}
	stream := openStream(t, p)
	res, err := roundTrip(stream, 7)
	if err != nil {
		t.Fatal(err)
	}
	st := p.State()
	if res.Token != 7 || res.ProviderMessageId != strconv.Itoa(st.PID) {
		t.Errorf("result = %v, plugin %+v", res, st)
	}
	if !st.Up || st.Version != "1.2.3" || st.Restarts != 0 || st.LastError != "" || st.Path == "" {
		t.Errorf("state = %+v", st)
	}
	if err := p.Health(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := p.Deliver(t.Context(), "other", false); err == nil || !strings.Contains(err.Error(), `no account "other"`) {
		t.Errorf("unknown account: %v", err)
	}
}

func TestLargeMessagesPassAndTooLargeOnesDoNot(t *testing.T) {
	p := up(t, bundled("echo"), quick)
	for size, ok := range map[int]bool{20 << 20: true, 33 << 20: false} {
		stream := openStream(t, p)
		_ = stream.Send(&channelv1.DeliverRequest{Attempts: []*channelv1.Attempt{{Token: 1, Data: make([]byte, size)}}})
		var err error
		for results := 0; err == nil && results == 0; {
			var res *channelv1.DeliverResponse
			if res, err = stream.Recv(); err == nil {
				results = len(res.Results)
			}
		}
		if (err == nil) != ok {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestComesBack(t *testing.T) {
	for _, c := range []struct {
		why, kind string
		fault     func(t *testing.T, p *Plugin, pid int)
		lastError string
	}{
		{"killed from outside", "echo", func(_ *testing.T, _ *Plugin, pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }, "ended (signal: killed)"},
		{"stopped: answers nothing, and would not leave when asked", "echo", func(_ *testing.T, _ *Plugin, pid int) { _ = syscall.Kill(pid, syscall.SIGSTOP) }, "did not answer a health check"},
		{"leaves in the middle of a batch", "crashes", func(t *testing.T, p *Plugin, _ int) {
			stream := openStream(t, p)
			if _, err := roundTrip(stream, 3); err == nil {
				t.Error("the stream outlived its process")
			}
		}, "ended (exit status 2)"},
		{"dies while a child of its own holds its pipes open", "forks", func(_ *testing.T, _ *Plugin, pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }, "ended (signal: killed)"},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			cfg := quick
			cfg.HealthInterval, cfg.HealthTimeout = 50*time.Millisecond, 2*time.Second
			p := up(t, bundled(c.kind), cfg)
			before := p.State()
			stream := openStream(t, p)
			c.fault(t, p, before.PID)
			for err := error(nil); err == nil; {
				_, err = stream.Recv() // breaks by itself
			}
			res, err := roundTrip(openStream(t, p), 1)
			for err != nil && t.Context().Err() == nil { // a stream to the dying process
				res, err = roundTrip(openStream(t, p), 1)
			}
			after := p.State()
			if res.ProviderMessageId != strconv.Itoa(after.PID) || after.PID == before.PID || after.Restarts < 1 || !after.Up {
				t.Errorf("before %+v, after %+v, answered by %s", before, after, res.ProviderMessageId)
			}
			if !strings.Contains(after.LastError, c.lastError) {
				t.Errorf("last error = %q", after.LastError)
			}
			if alive(before.PID) {
				t.Error("the old process is alive")
			}
		})
	}
}

func TestPanicIsUnknown(t *testing.T) {
	p := up(t, bundled("panics"), quick)
	res, err := roundTrip(openStream(t, p), 1)
	if err != nil || res.Verdict != channelv1.Verdict_VERDICT_UNKNOWN || res.Code != "panic" {
		t.Errorf("result = %v, %v", res, err)
	}
	if st := p.State(); st.Restarts != 0 {
		t.Errorf("state = %+v", st)
	}
}

func TestWaitsRespectTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := New(bundled("echo"), Config{}, zerolog.Nop()) // never run
	if _, err := p.Deliver(ctx, "main", false); !errors.Is(err, context.Canceled) {
		t.Errorf("Deliver = %v", err)
	}
	if _, err := p.Describe(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Describe = %v", err)
	}
}
