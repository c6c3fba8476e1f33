package intake

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
)

func TestTail(t *testing.T) {
	for _, c := range []struct {
		name  string
		from  int64
		setup func(b *broker)
		read  []int64
		next  int64
		err   string
	}{
		{"from the start", -1, nil, []int64{0, 1, 2, 3, 4, 5}, 6, ""},
		{"from where it was", 4, nil, []int64{4, 5}, 6, ""},
		{"nothing is new", 6, nil, nil, 6, ""},
		{"retention took the beginning", 1, func(b *broker) { b.deleteBelow(3) }, []int64{3, 4, 5}, 6, ""},
		{"retention took everything", 1, func(b *broker) { b.deleteBelow(6) }, nil, 6, ""},
		{"past the end", 7, nil, nil, 7, "sends/0 ends at 6, and was read up to 7 before: was the topic made anew?"},
		{"a broker that fails for a while", 0, func(b *broker) {
			b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 2})
		}, []int64{0, 1, 2, 3, 4, 5}, 6, ""},
		{"a broker that says the offset is gone", 0, func(b *broker) {
			b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.OffsetOutOfRange, Count: 1})
		}, []int64{0, 1, 2, 3, 4, 5}, 6, ""},
		{"a broker that refuses", 0, func(b *broker) {
			b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed})
		}, nil, 0, "Topic Authorization Failed"},
		// Asking again brings the same batch: it would be asked for for ever.
		{"a batch that can't be read", 0, func(b *broker) { b.damage(0, 3) }, []int64{0, 1, 2}, 3, "format of before Kafka 0.11"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBroker(t, 1)
			b.produce(0, numbered(3)...)
			b.produce(0, numbered(3)...)
			if c.setup != nil {
				c.setup(b)
			}
			var read []int64
			next, err := Tailer{b.client}.Tail(within(t), kafka.Partition{Topic: "sends"}, c.from, func(r *kafka.Record) error {
				read = append(read, r.Offset)
				return nil
			})
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("got %v, want %q", err, c.err)
			}
			if next != c.next || !equal(read, c.read) {
				t.Errorf("read %v, next %d; want %v, %d", read, next, c.read, c.next)
			}
		})
	}
}

func (b *broker) deleteBelow(offset int64) {
	if err := b.cluster.DeleteRecords("sends", 0, offset); err != nil {
		b.t.Fatal(err)
	}
}

func equal(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// What there is is more than one answer of the broker's holds.
func TestTailOfALongLog(t *testing.T) {
	b := newBroker(t, 1)
	large := kafka.Record{Value: make([]byte, 900<<10)}
	for range 12 {
		b.produce(0, large)
	}
	records := int64(0)
	next, err := Tailer{b.client}.Tail(within(t), kafka.Partition{Topic: "sends"}, -1, func(*kafka.Record) error {
		records++
		return nil
	})
	if err != nil || next != 12 || records != 12 {
		t.Errorf("%d records, next %d, %v", records, next, err)
	}
}

// Compaction leaves holes, and the last record may be one.
func TestTailOfACompactedLog(t *testing.T) {
	b := newBroker(t, 1)
	p := kafka.Partition{Topic: "ledger"}
	if err := b.cluster.CreateTopic(p.Topic, 1, map[string]string{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0"}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b", "a", "a"} {
		batch := kafka.NewBatch()
		batch.Append(kafka.Record{Key: []byte(key), Value: []byte("v")})
		raw := batch.Encode(kafka.ProducerID{ID: -1, Epoch: -1}, -1)
		if got, err := b.client.Produce(within(t), []kafka.ProducePartition{{Partition: p, Batch: raw}}); err != nil || got[0].Err != nil {
			t.Fatal(got, err)
		}
	}
	b.cluster.Compact()
	last := map[string]int64{}
	next, err := Tailer{b.client}.Tail(within(t), p, -1, func(r *kafka.Record) error {
		last[string(r.Key)] = r.Offset
		return nil
	})
	if err != nil || next != 4 || last["a"] != 3 || last["b"] != 1 {
		t.Errorf("%v next %d, %v", last, next, err)
	}
}

// What the reader of the records says is for its caller: it is no fault of
// Kafka's that might pass.
func TestTailReturnsWhatItsCallerSays(t *testing.T) {
	b := newBroker(t, 1)
	b.produce(0, numbered(3)...)
	full, calls := errors.New("the disk is full"), 0
	next, err := Tailer{b.client}.Tail(within(t), kafka.Partition{Topic: "sends"}, -1, func(r *kafka.Record) error {
		if calls++; r.Offset == 1 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || calls != 2 || next != 1 {
		t.Errorf("%v after %d calls, next %d", err, calls, next)
	}
}

func TestTailEndsWithItsContext(t *testing.T) {
	b := newBroker(t, 1)
	b.produce(0, numbered(3)...)
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: -1})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := (Tailer{b.client}).Tail(ctx, kafka.Partition{Topic: "sends"}, -1, func(*kafka.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSince(t *testing.T) {
	b := newBroker(t, 1)
	for i := range 3 {
		b.produce(0, kafka.Record{Time: time.UnixMilli(int64(1000 * (i + 1))), Value: []byte("x")})
	}
	for at, want := range map[int64]int64{500: 0, 2000: 1, 2001: 2, 9000: 3} {
		got, err := Tailer{b.client}.Since(within(t), kafka.Partition{Topic: "sends"}, time.UnixMilli(at))
		if err != nil || got != want {
			t.Errorf("at %d: %d, %v; want %d", at, got, err, want)
		}
	}
}
