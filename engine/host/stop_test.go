package host

import (
	"errors"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestStopTakesTheGroup(t *testing.T) {
	p, result, cancel := running(t, bundled("forks"), quick, zerolog.Nop())
	about, err := p.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	child, _ := strconv.Atoi(about.Limits[0])
	pid := p.State().PID
	if !alive(child) || !alive(pid) {
		t.Fatalf("child %d or plugin %d is not there", child, pid)
	}
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
	eventually(t, "both are gone", func() bool { return !alive(child) && !alive(pid) })
}

func TestStopDrains(t *testing.T) {
	p, result, cancel := running(t, bundled("echo"), quick, zerolog.Nop())
	stream := openStream(t, p)
	cancel()
	// Told to end, it takes no new stream, and serves the open one to its end.
	eventually(t, "down", func() bool { return !p.State().Up })
	if _, err := roundTrip(stream, 1); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; {
		_, err = stream.Recv()
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	if _, err := p.Deliver(t.Context(), "main", false); !errors.Is(err, ErrStopped) {
		t.Errorf("Deliver = %v", err)
	}
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	cfg := quick
	cfg.DrainTimeout = 50 * time.Millisecond
	p, result, cancel := running(t, bundled("echo"), cfg, zerolog.Nop())
	stream := openStream(t, p)
	_ = syscall.Kill(p.State().PID, syscall.SIGSTOP)
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
	for err := error(nil); err == nil; {
		_, err = stream.Recv()
	}
}

func TestLeavesWithItsParent(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		"echo",     // the SDK watches the parent
		"no watch", // without it, the death signal does
	} {
		t.Run(kind, func(t *testing.T) {
			engine, pid := engineProcess(t, kind)
			if !alive(pid) {
				t.Fatal("no plugin")
			}
			_ = engine.Process.Kill()
			eventually(t, "the plugin is gone", func() bool { return !alive(pid) })
		})
	}
}
