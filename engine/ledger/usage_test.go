package ledger

import (
	"runtime"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/table"
)

// bytesPerID is what docs/benchmarks.md and docs/operations.md promise, at most,
// and firstBytes what a table takes beyond that while it is small.
const (
	bytesPerID = 40
	firstBytes = 2 * table.ArenaSize
)

// What ids take never exceeds what is promised, whatever their number: neither
// when a table has just grown, nor while it does.
func TestIndexBytes(t *testing.T) {
	u := &Usage{}
	x := newIndex(day, u)
	const n = 500_000
	for i := range n {
		x.put(hashed(i), Mark{Settled: true}, start)
		if most := u.Most(); most > int64((i+1)*bytesPerID+firstBytes) {
			t.Fatalf("%d bytes for %d ids", most, i+1)
		}
	}
	x.count()
	if u.IDs() != n || u.Bytes() < int64(n*(1+len(send.Key{})+markSize)) {
		t.Error(u.IDs(), u.Bytes())
	}
	had := u.Bytes()
	for i := range n / 16 { // a new table: what the one before has no use for is enough
		x.put(hashed(n+i), Mark{}, start.Add(day/2))
	}
	if u.Bytes() > had+table.ArenaSize || len(x.tables) != 2 {
		t.Errorf("%d bytes for %d ids, and %d for %d more", had, n, u.Bytes(), n/16)
	}
	x.free()
	if u.IDs() != 0 || u.Bytes() != 0 {
		t.Error(u.IDs(), u.Bytes())
	}
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
