package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestEmbeddedSurvivesKill(t *testing.T) { survivesKill(t, startEmbedded(t, t.TempDir())) }

// survivesKill shows that what a broker acknowledged is there after a SIGKILL
// that falls into the middle of a stream of writes: records, a committed offset
// with its metadata, and the epoch that fences a producer.
func survivesKill(t *testing.T, b *Broker) {
	p := newPeer(t, b)
	p.createTopic("log", 2)
	eventually(t, "taking an epoch", func() (int, error) { return p.epoch("shard-0") })
	before := eventually(t, "taking an epoch", func() (int, error) { return p.epoch("shard-0") })
	eventually(t, "committing an offset", func() (any, error) {
		return nil, p.commit("group", "log", 7, "reserved up to 1000")
	})
	if err := p.produce(t.Context(), "log", 1, "alone"); err != nil {
		t.Fatal(err)
	}

	acked, underway := make(chan string, 1<<16), make(chan struct{})
	go func() {
		defer close(acked)
		for i := 0; ; i++ {
			v := fmt.Sprintf("%04d %s", i, strings.Repeat("x", 500))
			if err := p.produce(t.Context(), "log", 0, v); err != nil {
				return // the kill
			}
			acked <- v
			if i == 200 {
				close(underway)
			}
		}
	}()
	<-underway
	pid := b.PID()
	if err := b.Kill(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.DialTimeout("tcp", b.Addr(), time.Second); err == nil {
		c.Close()
		t.Fatalf("something still listens on %s after the kill", b.Addr())
	}
	var want []string
	for v := range acked {
		want = append(want, v)
	}
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.PID() == pid {
		t.Errorf("the process id is %d before and after", pid)
	}

	p = newPeer(t, b)
	got := eventually(t, "reading back", func() ([]string, error) { return p.consume("log", 0), nil })
	// The last write may have been stored without its answer arriving.
	if len(got) < len(want) || len(got) > len(want)+1 || !slices.Equal(got[:len(want)], want) {
		t.Errorf("%d records acknowledged, %d read back, or other ones", len(want), len(got))
	}
	if got := p.consume("log", 1); !slices.Equal(got, []string{"alone"}) {
		t.Errorf("partition 1 has %q", got)
	}
	commit := eventually(t, "fetching the commit", func() (string, error) { return p.committed("group", "log") })
	if want := "7 reserved up to 1000"; commit != want {
		t.Errorf("the commit is %q, want %q", commit, want)
	}
	after := eventually(t, "taking an epoch", func() (int, error) { return p.epoch("shard-0") })
	if after <= before {
		t.Errorf("the producer epoch went from %d to %d: a stale producer is not fenced", before, after)
	}
}

// A restart in good order keeps the data as well.
func TestEmbeddedRestart(t *testing.T) { restarts(t, startEmbedded(t, t.TempDir())) }

func restarts(t *testing.T, b *Broker) {
	p := newPeer(t, b)
	p.createTopic("log", 1)
	var want []string
	for i := range 3 {
		v := fmt.Sprint(i)
		if err := newPeer(t, b).produce(t.Context(), "log", 0, v); err != nil {
			t.Fatal(err)
		}
		want = append(want, v)
		if err := b.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := newPeer(t, b).consume("log", 0); !slices.Equal(got, want) {
			t.Fatalf("after restart %d: %q, want %q", i, got, want)
		}
	}
}

// An idempotent producer that outlives its broker goes on: over a kill, over a
// restart in good order, and over a kill after that, when kfake by itself would
// come back with sequence numbers older than its log.
func TestEmbeddedProducerGoesOn(t *testing.T) {
	b := startEmbedded(t, t.TempDir())
	newPeer(t, b).createTopic("log", 1)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.DefaultProduceTopic("log"),
		kgo.StopProducerOnDataLossDetected()) // else it takes a new id after a while, and goes on
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	var want []string
	for _, end := range []func() error{b.Kill, b.Close, b.Kill} {
		for range 3 {
			v := fmt.Sprint(len(want))
			if err := client.ProduceSync(t.Context(), kgo.StringRecord(v)).FirstErr(); err != nil {
				t.Fatalf("record %s: %v", v, err)
			}
			want = append(want, v)
		}
		if err := errors.Join(end(), b.Restart(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.ProduceSync(t.Context(), kgo.StringRecord("last")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if got := newPeer(t, b).consume("log", 0); !slices.Equal(got, append(want, "last")) {
		t.Errorf("read back %q", got)
	}
}

// A broker that will not start says so at once, with the reason from its log.
func TestEmbeddedRefuses(t *testing.T) {
	running := startEmbedded(t, t.TempDir())
	_, port, _ := net.SplitHostPort(running.Addr())
	taken := Options{Dir: t.TempDir()}
	if _, err := fmt.Sscan(port, &taken.Port); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"the port is taken", taken, "address already in use"},
		{"the directory is open in another broker", Options{Dir: running.dir}, "in use by another embedded broker"},
		{"the directory is a file", Options{Dir: file}, "making the broker's directory"},
		{"there is no such program", Options{Dir: t.TempDir(), Exe: "/nonexistent/carillon"}, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := StartEmbedded(t.Context(), c.o)
			if err == nil {
				b.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %q, want it to say %q", err, c.want)
			}
		})
	}
}

// The start's context bounds the start alone.
func TestStartContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, err := StartEmbedded(ctx, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, b)
	cancel()
	newPeer(t, b).createTopic("log", 1)

	if b, err := StartEmbedded(ctx, Options{Dir: t.TempDir()}); err == nil {
		b.Close()
		t.Error("it started under a context that is over")
	}
}

// Nobody can connect to an unspecified host, which clients would be told.
func TestServeAddress(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:9092", "[::]:9092", ":9092", "9092"} {
		if _, err := listenOn(addr)("tcp", ""); err == nil {
			t.Errorf("%q is accepted", addr)
		}
	}
}
