package kafka

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
)

// FuzzRecords: whatever a broker answers, reading it ends, does not panic and
// hands out offsets in order; with the checksum corrected, so that the parser
// behind it is reached.
func FuzzRecords(f *testing.F) {
	for _, codec := range []Codec{None, Snappy, LZ4, Zstd} {
		f.Add([]byte(encoded(10, 3, codec, []byte("value, value, value, value"))), uint8(0))
		f.Add([]byte(encoded(7, 300, codec, nil)), uint8(attrTransactional))
	}
	f.Add([]byte(encoded(10, 1, None, nil)), uint8(attrControl|attrTransactional))
	f.Fuzz(func(t *testing.T, raw []byte, attributes uint8) {
		if b, _, _ := cutBatch(raw); b != nil {
			b[atAttributes+1] ^= attributes
			binary.BigEndian.PutUint32(b[atCRC:], b.sum())
		}
		fetched := fetchedFrom(raw)
		fetched.limit = 1 << 18
		fetched.aborted = []abortedTxn{{-1, 0}}
		last, total := int64(9), 0
		err := fetched.Records(func(r *Record) error {
			if r.Offset <= last {
				t.Fatalf("offset %d after %d", r.Offset, last)
			}
			last = r.Offset
			total += len(r.Key) + len(r.Value)
			return nil
		})
		if total > len(raw)+fetched.limit*(1+len(raw)/headerSize) {
			t.Fatalf("%d bytes out of %d", total, len(raw))
		}
		var bad *BatchError
		if err != nil && (!errors.As(err, &bad) || bad.NextOffset <= bad.Offset) {
			t.Fatalf("got %v", err)
		}
		if fetched.Next() <= last && last > 9 {
			t.Fatalf("next is %d after %d", fetched.Next(), last)
		}
	})
}

func BenchmarkRecords(b *testing.B) {
	const n = 1000
	raw := encoded(10, n, None, make([]byte, 512))
	f := fetchedFrom(raw)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := count(f); got != n || err != nil {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
}

func BenchmarkBatch(b *testing.B) {
	const n = 1000
	for name, codec := range map[string]Codec{"none": None, "lz4": LZ4, "zstd": Zstd, "snappy": Snappy} {
		b.Run("codec="+name, func(b *testing.B) {
			bt := NewBatch()
			bt.Codec = codec
			r := Record{Time: time.UnixMilli(1), Key: []byte("recipient-1"), Value: []byte(strings.Repeat("0123456789abcdef", 32))}
			b.ReportAllocs()
			for b.Loop() {
				bt.Reset()
				for range n {
					bt.Append(r)
				}
				bt.Encode(ProducerID{1, 0}, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
		})
	}
}
