package suppress

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
)

// filled is a table of n addresses that nobody asks for.
func filled(b *testing.B, k *Key, n int) *Table {
	b.Helper()
	table := NewTable(k)
	c := table.now.Load()
	scope, _ := c.numberOf([]byte("shop/email/*"))
	for i := range n {
		c.put(Address, spread(i), entry{terms: scope | terms(AddressDead), until: 4e9})
	}
	table.version.Add(1)
	return table
}

// spread is a hash as a good one would be.
func spread(i int) (h Hash) {
	x := uint64(i) * 0x9e3779b97f4a7c15
	binary.LittleEndian.PutUint64(h[:], x^x>>29)
	binary.LittleEndian.PutUint64(h[8:], x*0xbf58476d1ce4e5b9)
	return h
}

// BenchmarkFind is what a send costs: by its recipient once, and by its address
// twice, as it is routed and again before its attempt.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{0, 1, 1_000_000} {
		b.Run("entries="+strconv.Itoa(n), func(b *testing.B) {
			k := newKey(b, secret)
			table := filled(b, k, n)
			if n > 0 {
				put(b, table, entryOf(b, k, Recipient, "somebody", "*/*/*"))
			}
			a := table.NewAsker()
			b.ReportAllocs()
			for b.Loop() {
				if a.Version() != 0 {
					a.who = "" // each send has another one
					a.Recipient("shop", "u1234567", "", marketing, start)
					a.Recipient("shop", "u1234567", "email", marketing, start)
					a.Address("shop", "ana.maria@example.com", "email", marketing, start)
				}
			}
		})
	}
}

// BenchmarkTable is one more entry, with what it takes of memory.
func BenchmarkTable(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run("entries="+strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				table := filled(b, newKey(b, secret), n)
				b.ReportMetric(float64(heap()-before)/float64(n), "B/entry")
				runtime.KeepAlive(table)
			}
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkTake is a record of the topic, from its bytes to the table: what a
// start costs, without the network.
func BenchmarkTake(b *testing.B) {
	k := newKey(b, secret)
	e := entryOf(b, k, Address, "x", "shop/email/*")
	e.By, e.Reason, e.UntilMs = ByProvider, "5.1.1", start.Add(90*24*time.Hour).UnixMilli()
	records := make([]kafka.Record, 1<<20)
	for i := range records {
		e.Hash = spread(i)
		records[i], _ = e.Record()
	}
	b.ReportMetric(float64(len(records[0].Key)+len(records[0].Value)), "B/record")
	table, i := NewTable(k), 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.Take(&records[i%len(records)], start); err != nil {
			b.Fatal(err)
		}
		i++
	}
	if n, _ := table.Len(); n != min(i, len(records)) {
		b.Fatal(fmt.Sprint(n, " of ", i))
	}
}
