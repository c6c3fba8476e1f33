package ledger

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/send"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func openOn(t testing.TB, fs vfs.FS) *Ledger {
	t.Helper()
	l, err := Open(Config{Dir: "db", FS: fs, Window: day}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t testing.TB) *Ledger {
	l := openOn(t, vfs.NewMem())
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func load(t testing.TB, l *Ledger, now time.Time) (*Shard, []Entry) {
	t.Helper()
	var entries []Entry
	s, err := l.Load(3, now, func(e Entry) { entries = append(entries, e) })
	if err != nil {
		t.Fatal(err)
	}
	return s, entries
}

func apply(t testing.TB, s *Shard, b *Batch) {
	t.Helper()
	if err := s.Apply(b); err != nil {
		t.Fatal(err)
	}
}

func key(i int) (k send.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(i)+1)
	return k
}

// settled is an entry of the ith send, from the ith record.
func settled(i int) Entry { return Entry{Key: key(i), Origin: uint64(i+1) << 2, Offset: int64(i)} }

var none = Position{-1, -1}

// An id is known for the whole window, by the memory as by the disk; the
// journal keeps no more than it must, and the position always.
func TestWindowSurvivesARestart(t *testing.T) {
	l := open(t)
	s, _ := load(t, l, start)
	const every = 10 * time.Minute
	steps := int(60 * time.Hour / every)
	for i := range steps {
		now := start.Add(time.Duration(i) * every)
		apply(t, s, &Batch{At: now, Entries: []Entry{settled(i)}, Pos: Position{Status: int64(i), Ledger: -1}, Low: [2]int64{int64(i), 0}})
		if i%37 != 0 {
			continue
		}
		again, entries := load(t, l, now)
		if again.Position() != s.Position() {
			t.Fatalf("after %v: position %v, want %v", now.Sub(start), again.Position(), s.Position())
		}
		for j := range i + 1 {
			age := time.Duration(i-j) * every
			_, inMemory := s.Seen(key(j), now)
			_, onDisk := again.Seen(key(j), now)
			if age <= day && !(inMemory && onDisk) {
				t.Fatalf("an id is forgotten after %v: in memory %v, on disk %v", age, !inMemory, !onDisk)
			}
			if age > day+day/tablesPerWindow+every && (inMemory || onDisk) {
				t.Fatalf("an id is known after %v", age)
			}
		}
		if most := int((day+3*day/tablesPerWindow)/every) + 3; len(entries) > most || rows(t, l) > most {
			t.Fatalf("%d entries in %d rows of the journal, want at most %d", len(entries), rows(t, l), most)
		}
	}
}

// rows counts what the journal of the shard holds.
func rows(t *testing.T, l *Ledger) (n int) {
	t.Helper()
	it, err := l.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		if it.Key()[0] == journalKind {
			n++
		}
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

// What is finished above one that is not is known for as long as that takes: it
// is read again after a restart.
func TestFinishedAboveAStuckOneIsKept(t *testing.T) {
	l := open(t)
	s, _ := load(t, l, start)
	const stuck = 5 // the record that is never finished, for four days
	for i := range 4 * 24 {
		now := start.Add(time.Duration(i) * time.Hour)
		if i == stuck {
			continue
		}
		apply(t, s, &Batch{At: now, Entries: []Entry{settled(i)}, Pos: none, Low: [2]int64{int64(min(i, stuck)), 0}})
		if i%10 != 9 {
			continue
		}
		_, entries := load(t, l, now)
		known := map[int64]bool{}
		for _, e := range entries {
			known[e.Offset] = true
		}
		for o := stuck + 1; o <= i; o++ {
			if !known[int64(o)] {
				t.Fatalf("after %v nobody knows that %d is finished", now.Sub(start), o)
			}
		}
	}
	for i := 4 * 24; i < 7*24; i++ { // it is finished
		apply(t, s, &Batch{At: start.Add(time.Duration(i) * time.Hour), Entries: []Entry{settled(i)}, Pos: none, Low: [2]int64{int64(i), 0}})
	}
	if n := rows(t, l); n > 40 {
		t.Errorf("%d rows are kept", n)
	}
}

// A shard that rested for long forgets its ids, and knows its place.
func TestPositionOutlivesTheWindow(t *testing.T) {
	l := open(t)
	s, _ := load(t, l, start)
	if s.Position() != none {
		t.Fatal(s.Position())
	}
	apply(t, s, &Batch{At: start, Entries: []Entry{settled(1)}, Pos: Position{7, 9}})
	apply(t, s, &Batch{At: start, Entries: []Entry{settled(2)}, Pos: Position{-1, 11}})
	apply(t, s, &Batch{At: start, Entries: []Entry{settled(3)}, Pos: Position{3, -1}}) // never back
	for _, after := range []time.Duration{0, 10 * day, 20 * day} {
		s, _ = load(t, l, start.Add(after))
		want := Position{7, 11}
		if after > 0 { // tombstones may be gone
			want.Ledger = -1
		}
		if s.Position() != want {
			t.Errorf("after %v: %v, want %v", after, s.Position(), want)
		}
		if _, ok := s.Seen(key(1), start.Add(after)); ok != (after == 0) {
			t.Errorf("after %v: seen %v", after, ok)
		}
		apply(t, s, &Batch{At: start.Add(after), Pos: none})
	}
}

// An id is taken for as long as its send waits, however long that is and
// whatever restarts in between: the other one would take its row.
func TestParkedIDIsKnownUntilItIsSettled(t *testing.T) {
	l := open(t)
	s, _ := load(t, l, start)
	parked := settled(1)
	parked.Parked = true
	apply(t, s, &Batch{At: start, Entries: []Entry{parked}, Pos: none, Park: []Row{
		{Key: key(1), Origin: parked.Origin, Queue: "time", Due: start.Add(100 * day).UnixMilli(), Value: []byte("v")},
	}})
	want := Mark{Origin: parked.Origin}
	for d := range 100 {
		now := start.Add(time.Duration(d) * day)
		if got, ok := s.Seen(key(1), now); !ok || got != want {
			t.Fatalf("day %d: %v, %v", d, got, ok)
		}
		apply(t, s, &Batch{At: now, Entries: []Entry{settled(100 + d)}, Pos: none})
		if d%9 == 8 {
			s, _ = load(t, l, now)
		}
	}
	done := start.Add(100 * day)
	apply(t, s, &Batch{At: done, Entries: []Entry{{Key: key(1), Origin: parked.Origin, Input: NoInput}}, Drop: []Drop{{Key: key(1)}}, Pos: none})
	for _, after := range []time.Duration{0, day, 2 * day} {
		got, ok := s.Seen(key(1), done.Add(after))
		if known := after <= day; ok != known || known && !got.Settled {
			t.Errorf("%v after it was settled: %v, %v", after, got, ok)
		}
	}
}

// Shards of one database see nothing of each other.
func TestShardsAreApart(t *testing.T) {
	l := open(t)
	var shards []*Shard
	for id := range int32(3) {
		s, err := l.Load(id, start, func(Entry) {})
		if err != nil {
			t.Fatal(err)
		}
		shards = append(shards, s)
	}
	for id, s := range shards {
		apply(t, s, &Batch{
			At: start, Entries: []Entry{settled(id)}, Pos: Position{int64(id), int64(id)},
			Park: []Row{{Key: key(100 + id), Queue: fmt.Sprint("q", id), Due: 1, Value: []byte{byte(id)}}},
		})
	}
	for id := range int32(3) {
		s, err := l.Load(id, start, func(e Entry) {
			if e != settled(int(id)) {
				t.Errorf("shard %d has %v", id, e)
			}
		})
		if err != nil || s.Position() != (Position{int64(id), int64(id)}) || s.IDs() > 2 {
			t.Error(id, err, s.Position(), s.IDs())
		}
		s.Queues(func(name string, rows int, _ int64) {
			if name != fmt.Sprint("q", id) || rows != 1 {
				t.Errorf("shard %d has %d in %s", id, rows, name)
			}
		})
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(Config{Dir: dir, Window: day}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir, Window: day}, zerolog.Nop()); err == nil {
		t.Error("two open one directory")
	} else {
		t.Log(err)
	}
	if s := first.Stats(); s.DiskBytes == 0 {
		t.Errorf("%+v", s)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}

// memory and loadRapid are open and load for properties.
func memory(t *rapid.T) *Ledger {
	l, err := Open(Config{Dir: "db", FS: vfs.NewMem(), Window: day}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func loadRapid(t *rapid.T, l *Ledger) *Shard {
	s, err := l.Load(3, start, func(Entry) {})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A ledger that followed other topics is emptied: its offsets mean nothing now.
func TestFollow(t *testing.T) {
	l, err := Open(Config{Dir: "db", FS: vfs.NewMem(), Window: time.Hour}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	now := time.Now()
	for _, c := range []struct {
		topics  string
		dropped bool
	}{
		{"a", false}, // new
		{"a", false}, // the same
		{"b", true},
		{"b", false},
	} {
		dropped, err := l.Follow([]byte(c.topics))
		if err != nil || dropped != c.dropped {
			t.Fatalf("%s: dropped %v, %v", c.topics, dropped, err)
		}
		entries := 0
		s, err := l.Load(0, now, func(Entry) { entries++ })
		if err != nil {
			t.Fatal(err)
		}
		if fresh := s.Position().Status < 0; fresh != (entries == 0) || c.dropped && !fresh {
			t.Fatalf("%s: %d entries, position %+v", c.topics, entries, s.Position())
		}
		if err := s.Apply(&Batch{At: now, Entries: []Entry{{Key: send.Key{1}, Offset: 1}}, Pos: Position{Status: 5, Ledger: 5}}); err != nil {
			t.Fatal(err)
		}
	}
}
