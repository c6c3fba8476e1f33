package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/compress/snappy"
)

// Published vectors: org.apache.kafka.common.utils.UtilsTest.testMurmur2.
func TestMurmur2(t *testing.T) {
	vectors := map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "abc": 479470107,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	}
	for key, want := range vectors {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("%q: got %d, want %d", key, got, want)
		}
	}
}

// encoded returns a batch of n records at the given base offset.
func encoded(base int64, n int, codec Codec, value []byte) batch {
	b := NewBatch()
	b.Codec = codec
	for i := range n {
		b.Append(Record{Time: time.UnixMilli(int64(i)), Key: fmt.Append(nil, i), Value: value})
	}
	raw := append(batch(nil), b.Encode(ProducerID{-1, -1}, -1)...)
	binary.BigEndian.PutUint64(raw, uint64(base)) // not under the checksum
	return raw
}

// resum corrects the checksum of a batch that a test has changed.
func (b batch) resum() batch {
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-atLeaderEpoch))
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
	return b
}

// fetchedFrom is an answer that holds raw, asked for from offset 10 on.
func fetchedFrom(raw ...[]byte) *Fetched {
	f := &Fetched{Partition: Partition{"t", 3}, offset: 10, limit: 1 << 20}
	for _, r := range raw {
		f.raw = append(f.raw, r...)
	}
	return f
}

func count(f *Fetched) (n int, err error) {
	return n, f.Records(func(*Record) error { n++; return nil })
}

func TestBatchesThatCannotBeRead(t *testing.T) {
	good := encoded(10, 5, None, []byte("value"))
	changed := func(codec Codec, change func(b batch) batch) batch {
		return change(encoded(15, 3, codec, []byte(strings.Repeat("value", 50)))).resum()
	}
	cases := []struct {
		name   string
		bad    batch
		reason string
		read   int64 // records of the bad batch that could be read
		next   int64
	}{
		{"a bit flipped in a value", flip(encoded(15, 3, None, []byte("value")), 90), "checksum", 0, 18},
		{"a bit flipped in the attributes", flip(encoded(15, 3, Zstd, make([]byte, 999)), atAttributes+1), "checksum", 0, 18},
		{"the last offset delta negative", changed(None, func(b batch) batch { b[atLastDelta] = 0xff; return b }), "offsets", 0, 16},
		{"an offset beyond the last", changed(None, func(b batch) batch { b[atLastDelta+3] = 1; return b }), "record damaged", 2, 18},
		{"more records announced than there are", changed(None, func(b batch) batch { b[atCount+3] = 9; return b }), "record damaged", 3, 19},
		{"a record longer than the batch", changed(None, func(b batch) batch { b[headerSize] = 0x7e; b[headerSize+1] = 0xff; return b }), "record damaged", 0, 18},
		{"compressed data cut", changed(Zstd, func(b batch) batch { return b[:len(b)-4] }), "compressed", 0, 18},
		{"compressed data that is none", changed(LZ4, func(b batch) batch { copy(b[headerSize:], "garbage!"); return b }), "compressed", 0, 18},
		{"a codec of the future", changed(Snappy, func(b batch) batch { b[atAttributes+1] = 7; return b }), "unknown compression 7", 0, 18},
		{"a format of before Kafka 0.11", changed(None, func(b batch) batch { b[atMagic] = 1; return b }), "before Kafka 0.11", 0, 16},
		{"a format of the future", changed(None, func(b batch) batch { b[atMagic] = 3; return b }), "unknown record format", 0, 16},
		{"a length too short for a header", func() batch {
			b := encoded(15, 3, None, nil)
			binary.BigEndian.PutUint32(b[atLength:], 20)
			return b
		}(), "length", 0, 16},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := fetchedFrom(good, c.bad, encoded(18, 5, None, nil))
			n, err := count(f)
			var bad *BatchError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v", err)
			}
			if n != int(5+c.read) || f.Next() != 15+c.read || bad.Offset != 15+c.read || bad.NextOffset != c.next || !strings.Contains(bad.Reason, c.reason) {
				t.Errorf("%d records, next %d, %+v; want %d more than 5 and 15, next %d and %q", n, f.Next(), bad, c.read, c.next, c.reason)
			}
			if strings.Contains(err.Error(), "value") {
				t.Errorf("the error shows data: %v", err)
			}
		})
	}
}

func flip(b batch, at int) batch { b[at] ^= 0x10; return b }

func TestBombIsNotDecompressed(t *testing.T) {
	zeroes := make([]byte, 2<<20)
	for _, codec := range []Codec{Snappy, LZ4, Zstd} {
		f := fetchedFrom(encoded(10, 1, codec, zeroes))
		_, err := count(f)
		var bad *BatchError
		if !errors.As(err, &bad) || bad.Reason != errBomb.Error() {
			t.Errorf("codec %d: %v", codec, err)
		}
		f.limit = 4 << 20
		if n, err := count(f); n != 1 || err != nil {
			t.Errorf("codec %d with room: %d records, %v", codec, n, err)
		}
	}
}

func TestCutOffEndIsLeftOut(t *testing.T) {
	first, second := encoded(10, 5, None, []byte("value")), encoded(15, 5, None, []byte("value"))
	for keep := range len(second) {
		f := fetchedFrom(first, second[:keep])
		if n, err := count(f); n != 5 || err != nil || f.Next() != 15 {
			t.Fatalf("%d bytes of the second batch: %d records, next %d, %v", keep, n, f.Next(), err)
		}
	}
	// A first batch that is cut would be cut the next time as well.
	var bad *BatchError
	if _, err := count(fetchedFrom(first[:40])); !errors.As(err, &bad) {
		t.Errorf("the first batch cut: %v", err)
	}
	if n, err := count(fetchedFrom()); n != 0 || err != nil {
		t.Errorf("nothing: %d records, %v", n, err)
	}
}

func TestYieldStops(t *testing.T) {
	f := fetchedFrom(encoded(8, 5, None, nil), encoded(13, 5, None, nil))
	stop := errors.New("enough")
	var got []int64
	err := f.Records(func(r *Record) error {
		if r.Offset == 14 {
			return stop
		}
		got = append(got, r.Offset)
		return nil
	})
	if !errors.Is(err, stop) || fmt.Sprint(got) != "[10 11 12 13]" || f.Next() != 14 {
		t.Errorf("%v, %v, next %d", got, err, f.Next())
	}
	if n, err := count(f); n != 8 || err != nil || f.Next() != 18 {
		t.Errorf("again: %d records, %v, next %d", n, err, f.Next())
	}
}

func TestLogAppendTime(t *testing.T) {
	b := encoded(10, 3, None, nil)
	b[atAttributes+1] |= attrLogAppendTime
	binary.BigEndian.PutUint64(b[atMaxTime:], 99_000)
	f := fetchedFrom(b.resum())
	err := f.Records(func(r *Record) error {
		if r.Time.UnixMilli() != 99_000 {
			return fmt.Errorf("time %v", r.Time)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCompactedBatch(t *testing.T) {
	// Compaction takes records out and leaves the batch's offsets as they were.
	b := encoded(10, 3, None, nil)
	binary.BigEndian.PutUint32(b[atLastDelta:], 40)
	f := fetchedFrom(b.resum())
	if n, err := count(f); n != 3 || err != nil || f.Next() != 51 {
		t.Errorf("%d records, %v, next %d", n, err, f.Next())
	}
	// And may leave nothing but the header.
	empty := encoded(10, 1, None, nil)[:headerSize]
	binary.BigEndian.PutUint32(empty[atCount:], 0)
	f = fetchedFrom(empty.resum())
	if n, err := count(f); n != 0 || err != nil || f.Next() != 11 {
		t.Errorf("%d records, %v, next %d", n, err, f.Next())
	}
}

// TestXerial reads the frames of Kafka's Java clients, as kafka-go writes them.
func TestXerial(t *testing.T) {
	plain := encoded(10, 40, None, []byte(strings.Repeat("value", 1000)))
	var packed strings.Builder
	w := (&snappy.Codec{Framing: snappy.Framed}).NewWriter(&packed)
	if _, err := w.Write(plain[headerSize:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(packed.String(), string(xerial)) {
		t.Fatal("this is not the framing the test is about")
	}
	b := append(plain[:headerSize:headerSize], packed.String()...)
	b[atAttributes+1] |= byte(Snappy)
	f := fetchedFrom(b.resum())
	if n, err := count(f); n != 40 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
	f.limit = 100_000
	if _, err := count(f); err == nil {
		t.Error("the blocks' sum is not bounded")
	}
}

func TestManyHeaders(t *testing.T) {
	b := NewBatch()
	b.Append(Record{Headers: make([]Header, maxHeaders+1)})
	if _, err := count(fetchedFrom(append(make(batch, 0), b.Encode(ProducerID{}, 0)...).at(10))); err == nil {
		t.Error("no bound on headers")
	}
}

func (b batch) at(base uint64) batch { binary.BigEndian.PutUint64(b, base); return b }

func TestRecordSizeIsEnough(t *testing.T) {
	for _, r := range []Record{
		{},
		{Time: time.UnixMilli(math.MaxInt64 / 2), Key: make([]byte, 300), Value: make([]byte, 70_000)},
		{Headers: []Header{{Key: "k"}, {Key: "another", Value: make([]byte, 200)}}},
	} {
		b := NewBatch()
		b.Append(Record{Time: time.UnixMilli(0)})
		before := b.Size()
		b.Append(r)
		if grown := b.Size() - before; grown > RecordSize(&r) {
			t.Errorf("grew by %d, RecordSize says %d", grown, RecordSize(&r))
		}
	}
}

func TestVarintLen(t *testing.T) {
	for shift := range 64 {
		for _, v := range []int64{1 << shift, 1<<shift - 1, -1 << shift, -1<<shift - 1} {
			if got, want := varintLen(v), len(binary.AppendVarint(nil, v)); got != want {
				t.Errorf("%d: got %d, want %d", v, got, want)
			}
		}
	}
}
