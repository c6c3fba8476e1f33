package outcome_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/outcome"
)

func TestCloseWritesWhatItHas(t *testing.T) {
	b := newBench(t, outcome.Config{})
	b.sendNumbered(4, 200)
	if err := b.producer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.storedInOrderOnce(4, 200)
	done := make(chan error)
	b.producer.Produce(kafka.Partition{Topic: topic}, []kafka.Record{{}}, func(_ int64, err error) { done <- err })
	if err := <-done; !errors.Is(err, outcome.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCloseGivesUp(t *testing.T) {
	b := newBench(t, outcome.Config{})
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	b.send(0, "first")
	b.send(0, "second")
	b.send(1, "third")
	for b.producer.Stats().Retries < 3 {
		time.Sleep(time.Millisecond)
	}
	if n, oldest := b.producer.Unacknowledged(); n != 3 || oldest <= 0 {
		t.Errorf("%d unacknowledged for %s", n, oldest)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := b.producer.Close(ctx); !errors.Is(err, outcome.ErrClosed) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	for _, v := range []string{"first", "second", "third"} {
		b.wantErr(v, outcome.ErrClosed)
	}
}

// TestBrokerAwayAndBack stops the broker with its data on disk, and starts it
// again at the same address.
func TestBrokerAwayAndBack(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, outcome.Config{BatchBytes: 500}, kfake.DataDir(dir), kfake.SyncWrites())
	b.sendNumbered(4, 100)
	b.flush()
	_, port, err := net.SplitHostPort(b.cluster.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	b.cluster.Close()
	b.send(0, "0-100", "0-101")
	for b.producer.Stats().Retries < 3 {
		time.Sleep(time.Millisecond)
	}
	if n, _ := b.producer.Unacknowledged(); n != 2 {
		t.Errorf("%d unacknowledged", n)
	}
	b.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(number), kfake.DataDir(dir), kfake.SyncWrites())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.cluster.Close)
	b.flush()
	for p, got := range b.stored(4) {
		n := 100
		if p == 0 {
			n = 102
		}
		if want := numbered(int32(p), n); got != want {
			t.Errorf("partition %d: got %.200s\nwant %.200s", p, got, want)
		}
	}
}
