//go:build unix

package ledger

import (
	"flag"
	"syscall"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/send"
)

var keys = flag.Int("keys", 200_000, "ids of BenchmarkKeys, of one shard, over one dedupe window")

// BenchmarkKeys has the dedupe ids of a whole window, 256 to a batch, on the disk
// of this machine. It measures
//
//	load     reading them back at a start or a take-over, on one core
//	seen     looking up ids, half of which are known
//	expire   a batch that ends an eighth of the window and drops an eighth
//
// and says what an id takes on the disk and in memory. The measured figures of
// docs/benchmarks.md are those of
//
//	go test ./engine/ledger -run '^$' -bench Keys -benchtime 1x -keys 10000000
func BenchmarkKeys(b *testing.B) {
	const batch = 256
	l := onDisk(b)
	s, _ := load(b, l, start)
	at := func(i int) time.Time { return start.Add(time.Duration(float64(day) * float64(i) / float64(*keys))) }
	for i := 0; i < *keys; i += batch {
		apply(b, s, &Batch{At: at(i), Entries: entries(i, min(batch, *keys-i)), Pos: Position{int64(i), -1}, Low: [2]int64{int64(i), 0}})
	}
	if err := l.db.Flush(); err != nil {
		b.Fatal(err)
	}
	disk := float64(l.Stats().DiskBytes)
	memory := float64(l.cfg.Usage.Bytes())
	s = nil

	b.Run("load", func(b *testing.B) {
		used := cpu()
		for b.Loop() {
			var err error
			s, err = l.Load(3, at(*keys), func(Entry) {})
			if err != nil || s.IDs() != *keys {
				b.Fatal(err, s.IDs())
			}
		}
		per := b.Elapsed().Seconds() / float64(b.N) / float64(*keys)
		b.ReportMetric(1/per, "keys/s")
		b.ReportMetric(per*million, "s/Mkeys")
		b.ReportMetric((cpu()-used).Seconds()/float64(b.N)/float64(*keys)*million, "cpu-s/Mkeys")
		b.ReportMetric(disk/float64(*keys), "diskB/key")
		b.ReportMetric(memory/float64(*keys), "memB/key")
	})
	b.Run("seen", func(b *testing.B) {
		const asked = 1 << 20
		used := cpu()
		for b.Loop() {
			for i := range asked {
				s.Seen(hashed(int(uint32(i)*2654435761)%(2**keys)), at(*keys))
			}
		}
		b.ReportMetric(float64((cpu()-used).Nanoseconds())/float64(b.N*asked), "cpu-ns/lookup")
	})
	now, i := at(*keys), *keys
	b.Run("expire", func(b *testing.B) { now, i = benchmarkExpire(b, l, s, now, i) })
}

// cpu is what the process has used, which says more than the clock on a machine
// that does other things.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmarkExpire settles one send in each eighth of the windows that follow. The
// longest is the one that packs the table before it.
func benchmarkExpire(b *testing.B, l *Ledger, s *Shard, now time.Time, i int) (time.Time, int) {
	var most, total time.Duration
	before := s.oldest
	for b.Loop() {
		for range 2 * tablesPerWindow {
			now = now.Add(day/tablesPerWindow + time.Second)
			one := entries(i, 1)
			began := time.Now()
			apply(b, s, &Batch{At: now, Entries: one, Pos: none, Low: [2]int64{int64(i), 0}})
			s.Seen(send.Key{1}, now)
			took := time.Since(began)
			most, total = max(most, took), total+took
			i++
		}
	}
	if s.oldest == before {
		b.Fatal("nothing expired")
	}
	b.ReportMetric(float64(most.Microseconds()), "µs/most")
	b.ReportMetric(float64(total.Microseconds())/float64(b.N*2*tablesPerWindow), "µs/batch")
	if err := l.db.Flush(); err != nil {
		b.Fatal(err)
	}
	flushed := time.Now() // what was dropped goes in the background
	for l.db.Metrics().Table.Local.LiveSize > million && time.Since(flushed) < 20*time.Second {
		time.Sleep(10 * time.Millisecond)
	}
	b.ReportMetric(float64(l.Stats().DiskBytes), "diskB-after")
	return now, i
}
