package ledger

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/send"
)

// hashed is a key as real ones are: a hash.
func hashed(i int) (k send.Key) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(i))
	binary.LittleEndian.PutUint64(k[:], xxhash.Sum64(b[:]))
	binary.LittleEndian.PutUint64(k[8:], origin(i))
	return k
}

func origin(i int) uint64 {
	var b [9]byte
	binary.LittleEndian.PutUint64(b[:], uint64(i))
	return xxhash.Sum64(b[:])
}

func onDisk(b *testing.B) *Ledger {
	l, err := Open(Config{Dir: b.TempDir(), Window: day}, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	return l
}

// entries are n settled ones from the ith on.
func entries(from, n int) []Entry {
	out := make([]Entry, n)
	for i := range out {
		out[i] = Entry{Key: hashed(from + i), Origin: origin(from+i) &^ flags, Offset: int64(from + i)}
	}
	return out
}

const million = 1_000_000

// BenchmarkApply settles 256 sends a batch, which is the happy path.
func BenchmarkApply(b *testing.B) {
	s, _ := load(b, onDisk(b), start)
	const batch = 256
	i := 0
	for b.Loop() {
		apply(b, s, &Batch{At: start, Entries: entries(i, batch), Pos: Position{int64(i), -1}})
		i += batch
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/send")
}

// BenchmarkPark parks 256 sends a batch and drops those of the batch before.
func BenchmarkPark(b *testing.B) {
	s, _ := load(b, onDisk(b), start)
	const batch = 256
	value := make([]byte, 1024)
	i := 0
	var before []Drop
	for b.Loop() {
		change := &Batch{At: start, Pos: none, Drop: before}
		before = nil
		for j := range batch {
			change.Park = append(change.Park, Row{Key: hashed(i + j), Queue: "sms/main/bulk", Tenant: "shop", Due: int64(i), Value: value})
			before = append(before, Drop{Key: hashed(i + j)})
		}
		apply(b, s, change)
		i += batch
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/send")
}

// BenchmarkSeen asks for ids of which half are known, among a million.
func BenchmarkSeen(b *testing.B) {
	s, _ := load(b, onDisk(b), start)
	for i := range million {
		s.Admit(hashed(i), 4, start)
	}
	i := 0
	for b.Loop() {
		s.Seen(hashed(i*31%(2*million)), start)
		i++
	}
}

// BenchmarkLoad reads a shard of a million ids back.
func BenchmarkLoad(b *testing.B) {
	l := onDisk(b)
	s, _ := load(b, l, start)
	for i := 0; i < million; i += 1000 {
		apply(b, s, &Batch{At: start, Entries: entries(i, 1000), Pos: none})
	}
	for b.Loop() {
		again, err := l.Load(3, start, func(Entry) {})
		if err != nil || again.IDs() != million {
			b.Fatal(err, again.IDs())
		}
	}
}

// BenchmarkDue drains a queue, 256 rows at a time as a shard does. It shows
// whether what was dropped is passed over again and again, and the memory that
// parked rows take.
func BenchmarkDue(b *testing.B) {
	for _, rows := range []struct {
		name string
		n    int
	}{{"rows=10k", 10_000}, {"rows=100k", 100_000}, {"rows=1M", million}} {
		b.Run(rows.name, func(b *testing.B) { benchmarkDue(b, rows.n) })
	}
}

func benchmarkDue(b *testing.B, n int) {
	var before, after runtime.MemStats
	for b.Loop() {
		b.StopTimer()
		s, _ := load(b, onDisk(b), start)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := 0; i < n; i += 1000 {
			change := &Batch{At: start, Pos: none}
			for j := i; j < i+1000; j++ {
				change.Park = append(change.Park, Row{Key: hashed(j), Queue: "q", Tenant: "shop", Due: int64(i), Value: make([]byte, 300)})
			}
			apply(b, s, change)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.StartTimer()
		drain(b, s, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "heapB/row")
}

func drain(b *testing.B, s *Shard, n int) {
	for s.Parked("q") > 0 {
		change := &Batch{At: start, Pos: none}
		err := s.Due("q", "shop", million, func(k send.Key, _ []byte) bool {
			change.Drop = append(change.Drop, Drop{Key: k})
			return len(change.Drop) < 256
		})
		if err != nil || len(change.Drop) == 0 {
			b.Fatal(err, s.Parked("q"))
		}
		apply(b, s, change)
	}
}
