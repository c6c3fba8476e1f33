package suppress

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/carillonhq/carillon/engine/kafka"
)

const topic = "carillon.suppressions"

func newClient(t *testing.T) *kafka.Client {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	c := kafka.NewClient(kafka.Config{
		Brokers: cluster.ListenAddrs(), ClientID: "test", RequestTimeout: 5 * time.Second, MaxDecompressed: 1 << 20,
	})
	t.Cleanup(c.Close)
	return c
}

func write(t *testing.T, c *kafka.Client, records ...kafka.Record) {
	t.Helper()
	if err := c.Write(t.Context(), topic, records); err != nil {
		t.Fatal(err)
	}
}

func recordOf(t *testing.T, e *Entry) kafka.Record {
	t.Helper()
	r, err := e.Record()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// await polls until want says yes.
func await(t *testing.T, what string, want func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !want(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// What the topic holds is the table, and so is what comes; what can't be read is
// passed over.
func TestFollow(t *testing.T) {
	c, k := newClient(t), newKey(t, secret)
	entry := func(value string) *Entry { return entryOf(t, k, Address, value, "shop/email/*") }
	gone := entry("gone@example.com")
	write(t, c, recordOf(t, entry("ana@example.com")), recordOf(t, gone), gone.Tombstone(),
		kafka.Record{Key: []byte("address/1"), Value: []byte("x")}, kafka.Record{Key: []byte("address/2"), Value: []byte("x")})
	table := NewTable(k)
	var changed, skipped, said atomic.Int32
	f := (&Follower{
		Client: c, Topic: topic, Changed: func() { changed.Add(1) },
		Skipped: func(_ int64, why error) {
			if skipped.Add(1); why != nil {
				said.Add(1)
			}
		},
		Failed: func(error, time.Duration) {},
	}).Of(table, time.Now)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })

	<-table.CaughtUp()
	if n, _ := table.Len(); n != 1 || table.Version() == 0 || skipped.Load() != 2 || said.Load() != 1 {
		t.Errorf("%d entries, version %d, %d skipped and %d told of", n, table.Version(), skipped.Load(), said.Load())
	}
	await(t, "nobody is told that it has caught up", func() bool { return changed.Load() == 1 })
	before := table.Version()
	write(t, c, recordOf(t, entry("bob@example.com")))
	await(t, "an addition is not told of", func() bool { return changed.Load() == 2 })
	if n, _ := table.Len(); n != 2 || table.Version() == before {
		t.Errorf("%d entries, want 2; version %d, was %d", n, table.Version(), before)
	}
	write(t, c, entry("ana@example.com").Tombstone())
	await(t, "a tombstone is not heard", func() bool { n, _ := table.Len(); return n == 1 })
	await(t, "it is behind", func() bool { return f.Behind() == 0 })
}
