package table

import (
	"encoding/binary"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"
)

// key is a hash of 16 bytes.
type key [16]byte

func hashed(i int) (k key) {
	var b [9]byte
	binary.LittleEndian.PutUint64(b[:], uint64(i))
	binary.LittleEndian.PutUint64(k[:], xxhash.Sum64(b[:8]))
	binary.LittleEndian.PutUint64(k[8:], xxhash.Sum64(b[:]))
	return k
}

// A table against a map, with sizes that come and go and with keys that all want
// the same few slots, at the end as well.
func TestTableAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &Memory{}
		x := New[key](m, 8)
		model := map[key]uint64{}
		many := rapid.SampledFrom([]int{10, 300, 3000, 12_000}).Draw(t, "ids")
		homes := rapid.SampledFrom([]uint64{1, 2, 1 << 20, 1 << 63}).Draw(t, "homes")
		if homes <= 2 {
			many = min(many, 600) // each walks over all others
		}
		ordered := rapid.Bool().Draw(t, "their bytes tell them apart")
		for i := range many {
			k := hashed(i)
			if ordered {
				k = key{8: byte(i), 9: byte(i >> 8)}
			}
			if homes < 1<<63 {
				binary.LittleEndian.PutUint64(k[:8], ^(uint64(i) % homes))
			}
			binary.LittleEndian.PutUint64(x.Put(k), uint64(i))
			model[k] = uint64(i)
			if i%1000 == 999 {
				switch rapid.IntRange(0, 3).Draw(t, "size") {
				case 0:
					x.Pack()
				case 1:
					keepEven(x, model)
				}
			}
		}
		if x.Len() != len(model) {
			t.Fatalf("%d ids, want %d", x.Len(), len(model))
		}
		n := 0
		x.Each(func(k key, v []byte) {
			value := binary.LittleEndian.Uint64(v)
			n++
			if want, ok := model[k]; !ok || want != value {
				t.Fatalf("%x is %d, want %d", k, value, want)
			}
		})
		for k, want := range model {
			if got := x.Get(k); got == nil || binary.LittleEndian.Uint64(got) != want {
				t.Fatalf("%x is %d, want %d", k, got, want)
			}
			k[15] ^= 0x55
			if _, other := model[k]; !other {
				if x.Get(k) != nil {
					t.Fatalf("%x was never put", k)
				}
			}
		}
		if x.Free(); n != len(model) || m.Bytes() != 0 {
			t.Fatal(n, len(model), m.Bytes())
		}
	})
}

// keepEven forgets the odd values.
func keepEven(x *Table[key], model map[key]uint64) {
	x.Keep(func(v []byte) bool { return v[0]%2 == 0 })
	for k, v := range model {
		if v%2 == 1 {
			delete(model, k)
		}
	}
}

// Keys of 8 bytes, and values of any size: what is put is there, what is new is
// zeros, also in memory that was another entry's.
func TestSmallKeys(t *testing.T) {
	for _, size := range []int{1, 12, 400} {
		x := New[[8]byte](&Memory{}, size)
		small := func(i int) [8]byte { k := hashed(i); return [8]byte(k[:8]) }
		for round := range 2 {
			for i := range 20_000 {
				v := x.Put(small(i))
				for _, b := range v {
					if b != 0 {
						t.Fatalf("round %d: a new value is not empty", round)
					}
				}
				v[0], v[size-1] = byte(i)|1, byte(i)|1
			}
			for i := range 20_000 {
				if v := x.Get(small(i)); len(v) != size || v[0] != byte(i)|1 || v[size-1] != byte(i)|1 {
					t.Fatalf("%d: %v", i, v)
				}
			}
			x.Keep(func([]byte) bool { return false })
			if x.Len() != 0 || x.Get(small(1)) != nil {
				t.Fatal(x.Len())
			}
		}
		x.Free()
	}
}

// BenchmarkPut is what a key costs that is new, with all the growth.
func BenchmarkPut(b *testing.B) {
	const n = 1 << 20
	for b.Loop() {
		x := New[key](&Memory{}, 8)
		for i := range n {
			x.Put(hashed(i))
		}
		x.Free()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/key")
}
