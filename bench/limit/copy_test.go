package limit

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/rig/rigtest"
)

// What moves records moves each of them once, whole, within its partition and in
// its order: read with a client that is not ours.
func TestYardsticksMoveEverything(t *testing.T) {
	ctx := t.Context()
	r, err := rig.Open(ctx, rig.Options{
		Dir: t.TempDir(), Command: rigtest.Command(t), Broker: rigtest.Broker, Partitions: 3, Extra: []string{copies},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w := someSends(15_000) // more than one batch of the yardstick's
	w.Format = "protobuf"  // with a header
	sends := w.Records(r.Topic(w.Topic), tag)
	if err := r.Publish(ctx, w.Sends, sends.Record, nil); err != nil {
		t.Fatal(err)
	}
	want := readAll(t, r, r.Topic(w.Topic), w.Sends)
	for _, kind := range []string{ReaderWriter, Raw} {
		t.Run(kind, func(t *testing.T) {
			round, err := r.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			runToEnd(t, task{
				Kind: kind, Workload: w, Brokers: []string{r.Broker.Addr}, Group: round.Group,
				From: r.Topic(w.Topic), To: r.Topic(copies), Clock: filepath.Join(round.Dir, "clock"),
			})
			got := readAll(t, r, r.Topic(copies), w.Sends)
			for p := range want {
				compare(t, p, got[p], want[p])
			}
		})
	}
}

// runToEnd runs a yardstick in this process until it has told how long it took.
func runToEnd(t *testing.T, k task) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for ctx.Err() == nil {
			if _, took := readClock(k.Clock); took > 0 {
				cancel()
			}
			<-poll.C
		}
	}()
	err := yardsticks[k.Kind](ctx, k, &clock{path: k.Clock})
	if _, took := readClock(k.Clock); took == 0 {
		t.Fatalf("the yardstick did not come to its end: %v", err)
	}
}

// readAll reads n records by their partition.
func readAll(t *testing.T, r *rig.Rig, topic string, n int) map[int32][]*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Broker.Addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := map[int32][]*kgo.Record{}
	for left := n; left > 0; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records are missing in %s", left, n, topic)
		}
		for it := fetches.RecordIter(); !it.Done(); left-- {
			rec := it.Next()
			all[rec.Partition] = append(all[rec.Partition], rec)
		}
	}
	return all
}

func compare(t *testing.T, partition int32, got, want []*kgo.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("partition %d has %d records, want %d", partition, len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if !bytes.Equal(g.Key, w.Key) || !bytes.Equal(g.Value, w.Value) || len(g.Headers) != 1 ||
			g.Headers[0].Key != w.Headers[0].Key || !bytes.Equal(g.Headers[0].Value, w.Headers[0].Value) {
			t.Fatalf("partition %d, record %d: %s, want %s", partition, i, g.Key, w.Key)
		}
	}
}
