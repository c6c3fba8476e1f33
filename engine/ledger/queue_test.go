package ledger

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/send"
)

// queues is what the ledger's queues should hold.
type queues struct {
	rows map[send.Key]Row
	live map[send.Key]bool // taken by Due and not yet changed
}

func (m *queues) change(b *Batch) {
	for _, d := range b.Drop {
		delete(m.rows, d.Key)
		delete(m.live, d.Key)
	}
	for _, r := range b.Park {
		m.rows[r.Key] = r
		delete(m.live, r.Key)
	}
}

// tell says of some rows where they stand, or that they are the first of their
// keys, as a shard does that knows.
func (m *queues) tell(t *rapid.T, b *Batch) {
	rows := maps.Clone(m.rows)
	knows := func() bool { return rapid.Bool().Draw(t, "knows") }
	for i := range b.Drop {
		d := &b.Drop[i]
		if was, has := rows[d.Key]; has && knows() {
			d.At = Spot{was.Queue, was.Tenant, was.Due}
		}
		delete(rows, d.Key)
	}
	for i := range b.Park {
		r := &b.Park[i]
		if was, has := rows[r.Key]; knows() {
			r.Fresh = !has
			if has {
				r.Was = Spot{was.Queue, was.Tenant, was.Due}
			}
		}
		rows[r.Key] = *r
	}
}

// tenants are whose rows there are; one begins like another, and one is none.
var tenants = []string{"", "s", "shop"}

// due returns the keys that Due must give: due, not taken, earliest first.
func (m *queues) due(name, tenant string, now int64) (keys []send.Key) {
	for k, r := range m.rows {
		if r.Queue == name && r.Tenant == tenant && r.Due <= now && !m.live[k] {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b send.Key) int {
		return cmp.Or(cmp.Compare(m.rows[a].Due, m.rows[b].Due), bytes.Compare(a[:], b[:]))
	})
	return keys
}

// Queues against a model, with restarts, by the rules that a shard keeps: it
// remembers what it has taken, and takes as much as it has room for.
func TestQueuesAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := memory(t)
		defer l.Close()
		s := loadRapid(t, l)
		m := &queues{rows: map[send.Key]Row{}, live: map[send.Key]bool{}}
		names := []string{"a", "a/b", "time"} // one begins like another
		now := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				b := drawBatch(t, names, now)
				m.tell(t, b)
				if err := s.Apply(b); err != nil {
					t.Fatal(err)
				}
				m.change(b)
			case 2:
				now += rapid.Int64Range(0, 20).Draw(t, "later")
			case 3, 4:
				m.take(t, s, rapid.SampledFrom(names).Draw(t, "queue"), rapid.SampledFrom(tenants).Draw(t, "tenant"), now, rapid.IntRange(1, 5).Draw(t, "room"))
			case 5:
				s = loadRapid(t, l)
				clear(m.live)
			}
			m.compare(t, s, names)
			m.compareTenants(t, s, names, now)
		}
	})
}

// drawBatch draws a batch that may name a key more than once.
func drawBatch(t *rapid.T, names []string, now int64) *Batch {
	b := &Batch{At: start, Pos: none}
	for range rapid.IntRange(0, 4).Draw(t, "drops") {
		b.Drop = append(b.Drop, Drop{Key: key(rapid.IntRange(0, 12).Draw(t, "dropped"))})
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "parks") {
		b.Park = append(b.Park, Row{
			Key: key(rapid.IntRange(0, 12).Draw(t, "parked")), Queue: rapid.SampledFrom(names).Draw(t, "into"), Tenant: rapid.SampledFrom(tenants).Draw(t, "whose"),
			Due: max(0, now+rapid.Int64Range(-10, 30).Draw(t, "due")), Value: []byte{byte(i), rapid.Byte().Draw(t, "value")},
		})
	}
	return b
}

func (m *queues) take(t *rapid.T, s *Shard, name, tenant string, now int64, room int) {
	want := m.due(name, tenant, now)
	want = want[:min(room, len(want))]
	var got []send.Key
	err := s.Due(name, tenant, now, func(k send.Key, value []byte) bool {
		if !bytes.Equal(value, m.rows[k].Value) {
			t.Fatalf("%v has the value %v, want %v", k, value, m.rows[k].Value)
		}
		if m.live[k] {
			return true
		}
		m.live[k] = true
		got = append(got, k)
		return len(got) < room
	})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%s of %q at %d: %v, %v; want %v", name, tenant, now, got, err, want)
	}
}

func (m *queues) compare(t *rapid.T, s *Shard, names []string) {
	for _, name := range names {
		rows, earliest := 0, int64(math.MaxInt64)
		for k, r := range m.rows {
			if r.Queue == name {
				rows++
				if !m.live[k] {
					earliest = min(earliest, r.Due)
				}
			}
		}
		if s.Parked(name) != rows {
			t.Fatalf("%s: %d rows, want %d", name, s.Parked(name), rows)
		}
		found := false
		s.Queues(func(q string, n int, next int64) {
			if q != name {
				return
			}
			found = true
			if n != rows || next > earliest {
				t.Fatalf("%s: %d rows, next %d; want %d, %d", q, n, next, rows, earliest)
			}
		})
		all := m.all(name)
		err := s.Rows(name, func(k send.Key, value []byte) {
			if len(all) == 0 || k != all[0] || !bytes.Equal(value, m.rows[k].Value) {
				t.Fatalf("%s has a row %v of %v too many", name, k, value)
			}
			all = all[1:]
		})
		if err != nil || len(all) > 0 {
			t.Fatalf("%s: %d rows are left out, %v", name, len(all), err)
		}
		if found != (rows > 0) {
			t.Fatalf("%s is listed: %v, and has %d rows", name, found, rows)
		}
	}
	for i := range 13 {
		v, err := s.Get(key(i))
		if r, ok := m.rows[key(i)]; err != nil || (v != nil) != ok || !bytes.Equal(v, r.Value) {
			t.Fatalf("%d is %v, %v; want %v", i, v, err, r.Value)
		}
	}
}

// all returns the keys of a queue as they stand in it.
func (m *queues) all(name string) (keys []send.Key) {
	rows := &queues{rows: m.rows}
	for _, tenant := range tenants {
		keys = append(keys, rows.due(name, tenant, math.MaxInt64)...)
	}
	return keys
}

// compareTenants looks at whose rows are due, and walks through all, a few at a time.
func (m *queues) compareTenants(t *rapid.T, s *Shard, names []string, now int64) {
	for _, name := range names {
		listed := map[string]bool{}
		s.Tenants(name, now, func(tenant string, next int64) {
			if listed[tenant] || next > now {
				t.Fatalf("%s: %q is listed once more, or for %d at %d", name, tenant, next, now)
			}
			listed[tenant] = true
		})
		for _, tenant := range tenants {
			if due := m.due(name, tenant, now); len(due) > 0 && !listed[tenant] {
				t.Fatalf("%s: %q has %v due, and is not listed", name, tenant, due)
			}
		}
		want := m.all(name)
		from, more := Cursor{}, true
		for more {
			var err error
			more, err = s.Walk(name, &from, rapid.IntRange(1, 5).Draw(t, "rows"), func(k send.Key, at Spot, value []byte) bool {
				if r := m.rows[k]; len(want) == 0 || k != want[0] || at != (Spot{r.Queue, r.Tenant, r.Due}) || !bytes.Equal(value, r.Value) {
					t.Fatalf("%s has a row %v of %v at %v too many", name, k, value, at)
				}
				want = want[1:]
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(want) > 0 {
			t.Fatalf("%s: %d rows were not walked over", name, len(want))
		}
	}
}

// A queue that was read to its end is left alone until a row is added.
func TestDueReadsNoMoreThanItMust(t *testing.T) {
	l := open(t)
	s, _ := load(t, l, start)
	row := func(i int, due int64) Row {
		return Row{Key: key(i), Queue: "q", Tenant: "shop", Due: due, Value: []byte("v")}
	}
	apply(t, s, &Batch{At: start, Pos: none, Park: []Row{row(1, 10), row(2, 20), row(3, 30)}})
	for _, c := range []struct {
		name string
		now  int64
		room int
		want string
		next int64
	}{
		{"nothing is due", 9, 9, "[]", 10},
		{"room for one", 25, 1, "[1]", 10},
		{"the rest of what is due; the shard knows the first", 25, 9, "[1 2]", 30},
		{"nothing new", 29, 9, "[]", 30},
		{"all", 30, 9, "[1 2 3]", math.MaxInt64},
		{"not again", 99, 9, "[]", math.MaxInt64},
	} {
		got := []int{}
		err := s.Due("q", "shop", c.now, func(k send.Key, _ []byte) bool {
			got = append(got, int(k[7])-1)
			return len(got) < c.room
		})
		s.Queues(func(_ string, _ int, next int64) {
			if next != c.next {
				t.Errorf("%s: next %d, want %d", c.name, next, c.next)
			}
		})
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, %v; want %s", c.name, got, err, c.want)
		}
	}
	for _, of := range []string{"no such", "shop"} {
		if err := errors.Join(s.Due("no such", of, 99, nil), s.Due("q", "no such", 99, nil)); err != nil {
			t.Error(err)
		}
	}
}

// Rows of a version that knew no tenants are dropped, to be read again from Kafka.
// What is finished stays known.
func TestRowsOfAnEarlierVersion(t *testing.T) {
	l := open(t)
	s, _ := load(t, l, start)
	apply(t, s, &Batch{
		At: start, Pos: Position{7, 9}, Entries: []Entry{{Key: key(2), Origin: 8}, {Key: key(1), Origin: 4, Parked: true}},
	})
	at := binary.BigEndian.AppendUint64([]byte("sms/default/bulk\x00"), 10)
	k := key(1)
	row := append(append(prefix(queueKind, 3, 0), at...), k[:]...)
	spot := append(binary.BigEndian.AppendUint64(nil, 4), at...)
	if err := errors.Join(l.db.Set(row, []byte("v"), nil), l.db.Set(append(prefix(parkedKind, 3, 0), k[:]...), spot, nil)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is in the journal: a crash before the restore changes nothing
		s, _ = load(t, l, start)
		value, err := s.Get(k)
		if value != nil || err != nil || s.Parked("sms/default/bulk") != 0 || s.Position() != (Position{7, -1}) {
			t.Fatalf("%q, %v, %d parked, at %v", value, err, s.Parked("sms/default/bulk"), s.Position())
		}
		if mark, seen := s.Seen(key(2), start); !seen || !mark.Settled {
			t.Error("what was finished is forgotten")
		}
	}
	apply(t, s, &Batch{At: start, Pos: Position{7, 9}, Park: []Row{{Key: k, Queue: "sms/default/bulk", Tenant: "shop", Due: 10, Value: []byte("v")}}})
	s, _ = load(t, l, start)
	if s.Parked("sms/default/bulk") != 1 || s.Position() != (Position{7, 9}) {
		t.Errorf("%d parked, at %v", s.Parked("sms/default/bulk"), s.Position())
	}
}
