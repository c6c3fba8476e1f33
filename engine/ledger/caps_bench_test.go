//go:build unix

package ledger

import (
	"flag"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/caps"
	"github.com/carillonhq/carillon/engine/table"
)

var recipients = flag.Int("recipients", 200_000, "recipients of BenchmarkCounts, of one shard, one send to each in a day")

// BenchmarkCounts has what went to recipients in a day on the disk of this machine,
// 256 to a batch, for a cap of three a day. It says what a send takes on the disk
// beside its dedupe id, and a recipient in memory, and how fast all is read back. The
// figures of docs/operations.md are those of
//
//	go test ./engine/ledger -run '^$' -bench Counts -benchtime 1x -recipients 10000000
func BenchmarkCounts(b *testing.B) {
	const batch = 256
	l := onDisk(b)
	l.cfg.Caps = &Caps{Shape: caps.Shape{}.With(threeADay), Scope: 1, Memory: &table.Memory{}}
	s, _ := load(b, l, start)
	if err := s.Recount(); err != nil {
		b.Fatal(err)
	}
	s.Recounted(0)
	at := func(i int) time.Time {
		return start.Add(time.Duration(float64(day) * float64(i) / float64(*recipients)))
	}
	for i := 0; i < *recipients; i += batch {
		counts := make([]Count, min(batch, *recipients-i))
		for j := range counts {
			k := hashed(i + j)
			counts[j] = Count{Key: caps.Key(k[:8]), At: caps.At(at(i))}
		}
		apply(b, s, &Batch{At: at(i), Counts: counts, Pos: Position{int64(i), -1}})
	}
	if err := l.db.Flush(); err != nil {
		b.Fatal(err)
	}
	disk, memory := float64(l.Stats().DiskBytes), float64(l.cfg.Caps.Memory.Bytes())
	used := cpu()
	b.ResetTimer()
	for b.Loop() {
		again, err := l.Load(3, at(*recipients-batch), func(Entry) {})
		if err != nil || again.Counts().Len() != *recipients {
			b.Fatal(err, again.Counts().Len())
		}
	}
	b.ReportMetric((cpu()-used).Seconds()/float64(b.N)/float64(*recipients)*million, "cpu-s/Msends")
	b.ReportMetric(disk/float64(*recipients), "diskB/send")
	b.ReportMetric(memory/float64(*recipients), "memB/recipient")
}
