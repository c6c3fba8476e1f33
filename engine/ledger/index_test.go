package ledger

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/send"
)

// The index against a map of everything that was ever put.
func TestIndexAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newIndex(day, &Usage{})
		now := start
		model := map[send.Key]Mark{}
		since, touched := map[send.Key]time.Time{}, map[send.Key]time.Time{} // first put, last put
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "seconds")) * time.Second)
			k := key(rapid.IntRange(0, 60).Draw(t, "key"))
			if rapid.Bool().Draw(t, "close together") { // in one run of the hash table
				k[6], k[7] = 0, 0
			}
			if rapid.IntRange(0, 2).Draw(t, "put") == 0 {
				m := Mark{Origin: rapid.Uint64().Draw(t, "origin") &^ flags, Settled: rapid.Bool().Draw(t, "settled")}
				if _, known := x.get(k, now); !known {
					since[k] = now
				}
				x.put(k, m, now)
				model[k], touched[k] = m, now
			}
			got, ok := x.get(k, now)
			want, ever := model[k]
			age := now.Sub(since[k])
			switch {
			case ok && (!ever || got != want):
				t.Fatalf("got %v, want %v", got, want)
			case ever && !ok && (age <= day || !want.Settled):
				t.Fatalf("forgotten after %v: %v", age, want)
			case ok && want.Settled && now.Sub(touched[k]) > day+2*day/tablesPerWindow:
				t.Fatalf("still known after %v", age)
			}
		}
	})
}

func TestIndexGrows(t *testing.T) {
	x := newIndex(day, &Usage{})
	const n = 20_000
	for i := range n {
		x.put(hashed(i), Mark{Origin: uint64(i) << 2, Settled: true}, start)
	}
	for i := range n {
		if m, ok := x.get(hashed(i), start); !ok || m.Origin != uint64(i)<<2 {
			t.Fatal(i, m, ok)
		}
	}
	if x.len() != n || len(x.tables) != 1 {
		t.Error(x.len(), len(x.tables))
	}
}

// A clock that goes back changes nothing: the newest table takes it.
func TestIndexWhenTheClockGoesBack(t *testing.T) {
	x := newIndex(day, &Usage{})
	x.put(key(1), Mark{Settled: true}, start)
	x.put(key(2), Mark{Settled: true}, start.Add(-time.Hour))
	for i := 1; i <= 2; i++ {
		if _, ok := x.get(key(i), start); !ok {
			t.Error(i)
		}
	}
}

func TestJournalRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(0, 1<<45).Draw(t, "at"))
		pos := Position{rapid.Int64Min(-1).Draw(t, "status"), rapid.Int64Min(-1).Draw(t, "ledger")}
		oldest := rapid.Uint64().Draw(t, "oldest")
		entries := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Entry {
			e := Entry{
				Origin: rapid.Uint64().Draw(t, "origin"), Offset: rapid.Int64().Draw(t, "offset"),
				Input: rapid.Uint8().Draw(t, "input"), Parked: rapid.Bool().Draw(t, "parked"),
			}
			copy(e.Key[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key"))
			return e
		})).Draw(t, "entries")
		raw := appendJournal(nil, journal{at, pos, oldest}, entries)
		var got []Entry
		j, err := parseJournal(raw, func(e Entry) { got = append(got, e) })
		if err != nil || !j.at.Equal(at) || j.pos != pos || j.oldest != oldest || len(got) != len(entries) {
			t.Fatal(j, got, err)
		}
		for i := range got {
			if got[i] != entries[i] {
				t.Fatalf("%v, want %v", got[i], entries[i])
			}
		}
		cut := rapid.IntRange(0, len(raw)-1).Draw(t, "cut")
		if _, err := parseJournal(raw[:cut], func(Entry) {}); (cut-journalHeader)%entrySize != 0 && !errors.Is(err, errJournal) {
			t.Fatalf("cut to %d bytes: %v", cut, err)
		}
	})
}

// A row that is damaged is no reason to guess.
func TestLoadRefusesADamagedJournal(t *testing.T) {
	l := open(t)
	s, _ := load(t, l, start)
	apply(t, s, &Batch{At: start, Entries: []Entry{settled(1)}, Pos: none})
	damaged := append(prefix(journalKind, 3, 8), 0, 0, 0, 0, 0, 0, 0, 9)
	if err := l.db.Set(damaged, []byte("short"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Load(3, start, func(Entry) {}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// A journal with gaps is what is left when a file is gone that Pebble does not
// miss.
func TestJournalWithGaps(t *testing.T) {
	for _, c := range []struct {
		name    string
		gone    []uint64
		damaged bool
	}{
		{"nothing", nil, false},
		{"the first", []uint64{0}, true},
		{"one in the middle", []uint64{3}, true},
		{"the last, as after a crash", []uint64{9}, false},
		{"all", []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, false},
	} {
		l := open(t)
		s, _ := load(t, l, start)
		for i := range 10 {
			apply(t, s, &Batch{At: start, Entries: []Entry{settled(i)}, Pos: none})
		}
		for _, seq := range c.gone {
			if err := l.db.Delete(binary.BigEndian.AppendUint64(prefix(journalKind, 3, 8), seq), nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Load(3, start, func(Entry) {}); errors.Is(err, ErrDamaged) != c.damaged || !c.damaged && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
