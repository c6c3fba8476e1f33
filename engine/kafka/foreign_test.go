package kafka_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/kafka"
)

// variety is records of every shape: keys and values nil, empty and long,
// headers with and without values, one tombstone.
func variety(n int) []kafka.Record {
	r := rand.New(rand.NewPCG(1, 2))
	records := make([]kafka.Record, n)
	for i := range records {
		records[i] = kafka.Record{
			Time:  time.UnixMilli(1_700_000_000_000 + int64(i*i%977)), // not in order
			Key:   fmt.Appendf(nil, "key-%d", i),
			Value: bytes.Repeat(fmt.Appendf(nil, "%d;", i), r.IntN(60)),
		}
		switch i % 5 {
		case 1:
			records[i].Key = nil
		case 2:
			records[i].Value = nil
		case 3:
			records[i].Headers = []kafka.Header{{Key: "traceparent", Value: []byte("00-1")}, {Key: "empty", Value: []byte{}}, {Key: "none"}}
		case 4:
			records[i].Headers = []kafka.Header{{Key: "other", Value: fmt.Append(nil, i)}}
			records[i].Key = []byte{}
		}
	}
	return records
}

func toForeign(topic string, r kafka.Record) *kgo.Record {
	f := &kgo.Record{Topic: topic, Timestamp: r.Time, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		f.Headers = append(f.Headers, kgo.RecordHeader(h))
	}
	return f
}

func fromForeign(f *kgo.Record) kafka.Record {
	r := kafka.Record{Offset: f.Offset, Time: f.Timestamp, Key: f.Key, Value: f.Value}
	for _, h := range f.Headers {
		r.Headers = append(r.Headers, kafka.Header(h))
	}
	return r
}

// show makes nil and empty differ.
func show(r kafka.Record) string {
	s := fmt.Sprintf("%d %d %#v %#v", r.Offset, r.Time.UnixMilli(), r.Key, r.Value)
	for _, h := range r.Headers {
		s += fmt.Sprintf(" %q=%#v", h.Key, h.Value)
	}
	return s
}

func same(t *testing.T, got, want []kafka.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		if g, w := show(got[i]), show(want[i]); g != w {
			t.Fatalf("record %d:\ngot  %s\nwant %s", i, g, w)
		}
	}
}

func TestFetchWhatAForeignClientWrote(t *testing.T) { onEach(t, testFetchWhatAForeignClientWrote) }

func testFetchWhatAForeignClientWrote(t *testing.T, p peer) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			p := p.fresh(t)
			cl := foreign(t, p.addrs, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(5*time.Millisecond))
			want := variety(300)
			records := make([]*kgo.Record, len(want))
			for i, r := range want {
				records[i] = toForeign(p.topic, r)
			}
			if err := cl.ProduceSync(within(t), records...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			for i, r := range records {
				want[i].Offset = r.Offset
			}
			slices.SortFunc(want, func(a, b kafka.Record) int { return int(a.Offset - b.Offset) })
			same(t, readAll(t, p.client, p.partition(), 0), want)
			// From the middle of a batch on, nothing before is handed out.
			same(t, readAll(t, p.client, p.partition(), 157), want[157:])
		})
	}
}

func TestForeignClientReadsWhatWeWrite(t *testing.T) { onEach(t, testForeignClientReadsWhatWeWrite) }

func testForeignClientReadsWhatWeWrite(t *testing.T, p peer) {
	for name, codec := range map[string]kafka.Codec{"none": kafka.None, "snappy": kafka.Snappy, "lz4": kafka.LZ4, "zstd": kafka.Zstd} {
		t.Run(name, func(t *testing.T) {
			p := p.fresh(t)
			b := kafka.NewBatch()
			b.Codec = codec
			id, err := p.client.InitProducerID(within(t), "")
			if err != nil {
				t.Fatal(err)
			}
			want := variety(300)
			for i := range want {
				want[i].Offset = int64(i)
				b.Append(want[i])
				if b.Len() == 150 {
					send(t, p, b, id, int32(i-149))
				}
			}
			cl := foreign(t, p.addrs, kgo.ConsumeTopics(p.topic))
			var got []kafka.Record
			for len(got) < len(want) {
				fetches := cl.PollFetches(within(t))
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				fetches.EachRecord(func(r *kgo.Record) { got = append(got, fromForeign(r)) })
			}
			same(t, got, want)
		})
	}
}

// send writes a batch under a sequence number and empties it.
func send(t *testing.T, p peer, b *kafka.Batch, id kafka.ProducerID, sequence int32) int64 {
	t.Helper()
	for {
		produced, err := p.client.Produce(within(t), []kafka.ProducePartition{{Partition: p.partition(), Batch: b.Encode(id, sequence)}})
		if err != nil {
			t.Fatal(err)
		}
		if kafka.Retriable(produced[0].Err) { // a new topic's leader is told last that it leads
			continue
		}
		if produced[0].Err != nil {
			t.Fatal(produced[0].Err)
		}
		b.Reset()
		return produced[0].BaseOffset
	}
}

func TestResendIsStoredOnce(t *testing.T) { onEach(t, testResendIsStoredOnce) }

func testResendIsStoredOnce(t *testing.T, p peer) {
	id, err := p.client.InitProducerID(within(t), "")
	if err != nil {
		t.Fatal(err)
	}
	b := kafka.NewBatch()
	for i, sequence := range []int32{0, 0, 2, 2} {
		first := int64(sequence)
		b.Append(kafka.Record{Time: time.UnixMilli(1), Value: []byte("x")})
		b.Append(kafka.Record{Time: time.UnixMilli(1), Value: []byte("y")})
		if base := send(t, p, b, id, sequence); base != first {
			t.Errorf("write %d: base %d, want %d", i, base, first)
		}
	}
	if n := len(readAll(t, p.client, p.partition(), 0)); n != 4 {
		t.Errorf("%d records stored, want 4", n)
	}
}

// TestPartitionOfAgreesWithAForeignClient compares with franz-go's partitioner,
// which follows Java's.
func TestPartitionOfAgreesWithAForeignClient(t *testing.T) {
	hasher := kgo.StickyKeyPartitioner(nil).ForTopic("a")
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		key := make([]byte, r.IntN(40))
		for i := range key {
			key[i] = byte(r.Uint32())
		}
		n := 1 + r.IntN(200)
		if got, want := kafka.PartitionOf(key, n), hasher.Partition(&kgo.Record{Key: key}, n); int(got) != want {
			t.Fatalf("key %x of %d partitions: got %d, want %d", key, n, got, want)
		}
	}
}
