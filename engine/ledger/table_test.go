package ledger

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/send"
)

// bytesPerID is what docs/benchmarks.md and docs/operations.md promise, at most,
// and firstBytes what a table takes beyond that while it is small.
const (
	bytesPerID = 40
	firstBytes = 2 * arenaSize
)

// What ids take never exceeds what is promised, whatever their number: neither
// when a table has just grown, nor while it does.
func TestIndexBytes(t *testing.T) {
	u := &Usage{}
	x := newIndex(day, u)
	const n = 500_000
	for i := range n {
		x.put(hashed(i), Mark{Settled: true}, start)
		if most := u.most; most > int64((i+1)*bytesPerID+firstBytes) {
			t.Fatalf("%d bytes for %d ids", most, i+1)
		}
	}
	x.count()
	if u.IDs() != n || u.Bytes() < int64(n*(1+slotSize)) {
		t.Error(u.IDs(), u.Bytes())
	}
	had := u.Bytes()
	for i := range n / 16 { // a new table: what the one before has no use for is enough
		x.put(hashed(n+i), Mark{}, start.Add(day/2))
	}
	if u.Bytes() > had+arenaSize || len(x.tables) != 2 {
		t.Errorf("%d bytes for %d ids, and %d for %d more", had, n, u.Bytes(), n/16)
	}
	x.free()
	if u.IDs() != 0 || u.Bytes() != 0 {
		t.Error(u.IDs(), u.Bytes())
	}
}

// A table against a map, with sizes that come and go and with keys that all want
// the same few slots, at the end as well.
func TestTableAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := &Usage{}
		x := newTable(time.Time{}, u)
		model := map[send.Key]uint64{}
		many := rapid.SampledFrom([]int{10, 300, 3000, 12_000}).Draw(t, "ids")
		homes := rapid.SampledFrom([]uint64{1, 2, 1 << 20, 1 << 63}).Draw(t, "homes")
		if homes <= 2 {
			many = min(many, 600) // each walks over all others
		}
		ordered := rapid.Bool().Draw(t, "their bytes tell them apart")
		for i := range many {
			k := hashed(i)
			if ordered {
				k = send.Key{8: byte(i), 9: byte(i >> 8)}
			}
			if homes < 1<<63 {
				binary.LittleEndian.PutUint64(k[:8], ^(uint64(i) % homes))
			}
			x.put(k, Mark{Origin: uint64(i) << 2, Settled: i%3 == 0})
			model[k] = uint64(i)<<2 | map[bool]uint64{true: settledFlag}[i%3 == 0]
			if i%1000 == 999 && rapid.Bool().Draw(t, "pack") {
				x.pack()
			}
		}
		if x.used != len(model) {
			t.Fatalf("%d ids, want %d", x.used, len(model))
		}
		n := 0
		x.each(func(k send.Key, value uint64) {
			n++
			if want, ok := model[k]; !ok || want != value {
				t.Fatalf("%x is %d, want %d", k, value, want)
			}
		})
		for k, want := range model {
			if got, ok := x.get(k); !ok || got != want {
				t.Fatalf("%x is %d, want %d", k, got, want)
			}
			k[15] ^= 0x55
			if _, other := model[k]; !other {
				if _, ok := x.get(k); ok {
					t.Fatalf("%x was never put", k)
				}
			}
		}
		if x.free(); n != len(model) || u.Bytes() != 0 {
			t.Fatal(n, len(model), u.Bytes())
		}
	})
}

// The memory of a shard that nobody refers to any more comes back, since it is
// not the collector's.
func TestIndexOfAForgottenShardIsFreed(t *testing.T) {
	l := open(t)
	func() {
		s, _ := load(t, l, start)
		for i := range 20_000 {
			s.Admit(hashed(i), 0, start)
		}
		apply(t, s, &Batch{At: start, Entries: []Entry{settled(1)}, Pos: none})
		if l.cfg.Usage.IDs() != 20_001 || l.cfg.Usage.Bytes() == 0 {
			t.Fatal(l.cfg.Usage.IDs(), l.cfg.Usage.Bytes())
		}
	}()
	for end := time.Now().Add(10 * time.Second); l.cfg.Usage.Bytes() > 0; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(end) {
			t.Fatalf("%d bytes are still there", l.cfg.Usage.Bytes())
		}
	}
	if l.cfg.Usage.IDs() != 0 {
		t.Error(l.cfg.Usage.IDs())
	}
}

// BenchmarkPut is what an id costs that is new, with all the growth.
func BenchmarkPut(b *testing.B) {
	const n = 1 << 20
	for b.Loop() {
		x := newTable(start, &Usage{})
		for i := range n {
			x.put(hashed(i), Mark{Settled: true})
		}
		x.free()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/id")
}
