package caps

import (
	"encoding/binary"
	"flag"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/carillonhq/carillon/engine/table"
)

var recipients = flag.Int("recipients", 200_000, "recipients of BenchmarkRecipients, all of one shard")

func number(i int) (k Key) {
	binary.LittleEndian.PutUint64(k[:], uint64(i))
	binary.LittleEndian.PutUint64(k[:], xxhash.Sum64(k[:]))
	return k
}

// BenchmarkRecipients says what a recipient takes in memory, by the largest number
// of a rule's limits, and what a send costs that is asked about, reserved and
// counted, each to another recipient. The figures of docs/benchmarks.md are those of
//
//	go test ./engine/caps -run '^$' -bench Recipients -benchtime 1x -recipients 10000000
func BenchmarkRecipients(b *testing.B) {
	for _, most := range []int{1, 3, 10} {
		b.Run(map[int]string{1: "most=1", 3: "most=3", 10: "most=10"}[most], func(b *testing.B) {
			m := &table.Memory{}
			r := Rule{Limits: []Limit{{most, 24 * time.Hour}}, Apart: time.Hour}
			x := New(m, Shape{}.With(r))
			now := start
			for i := range *recipients {
				x.Count(number(i), At(now), now)
			}
			memory := float64(m.Bytes())
			const asked = 1 << 20
			now = now.Add(2 * time.Hour)
			for b.Loop() {
				for i := range asked {
					k := number(int(uint32(i)*2654435761) % *recipients)
					if _, ok := x.Opens(k, r, now); ok {
						x.Reserve(k)
						x.Release(k)
						x.Count(k, At(now), now)
					}
				}
			}
			b.ReportMetric(memory/float64(*recipients), "B/recipient")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*asked), "ns/send")
			x.Free()
		})
	}
}
