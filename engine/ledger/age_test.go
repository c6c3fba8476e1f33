package ledger

import (
	"testing"
	"time"
)

// What is parked and was not brought forward for half of the tombstones' time is
// dropped: a send that was finished since may have no tombstone left, and its
// row would come to life again. What is younger stays, and so does what is known
// to be finished, and other shards.
func TestOldStateIsDropped(t *testing.T) {
	const half = 7 * day / 2
	for _, c := range []struct {
		name string
		age  time.Duration
		kept bool
	}{
		{"just young enough", half, true},
		{"too old", half + time.Second, false},
		{"a clock that was wrong tells nothing", -half - time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := open(t)
			s, _ := load(t, l, start)
			apply(t, s, &Batch{
				At: start, Entries: []Entry{settled(0), {Key: key(1), Origin: 8, Offset: 1, Parked: true}}, Pos: Position{Status: 5, Ledger: 6},
				Park: []Row{{Key: key(1), Origin: 8, Queue: "q", Due: start.UnixMilli(), Value: []byte("v")}},
			})
			now := start.Add(c.age)
			other, err := l.Load(4, now, func(Entry) {})
			if err != nil {
				t.Fatal(err)
			}
			apply(t, other, &Batch{At: now, Entries: []Entry{settled(7)}, Pos: Position{Status: 9, Ledger: 9}})

			s, entries := load(t, l, now)
			_, known := s.Seen(key(1), now)
			pos := Position{5, 6}
			if !c.kept {
				pos.Ledger = -1
			}
			if s.Position() != pos || known != c.kept || len(entries) != 2 || (s.Parked("q") == 1) != c.kept {
				t.Errorf("position %v, %d entries, %d parked, id known: %v", s.Position(), len(entries), s.Parked("q"), known)
			}
			if _, known := s.Seen(key(0), now); known != (c.age < day) {
				t.Errorf("what was finished within the window is known: %v", known)
			}
			if again, _ := load(t, l, now); again.Position() != pos || (again.Parked("q") == 1) != c.kept {
				t.Errorf("loaded again: position %v, %d parked", again.Position(), again.Parked("q"))
			}
			if other, err = l.Load(4, now, func(Entry) {}); err != nil || other.Position() != (Position{9, 9}) {
				t.Errorf("the other shard: %v, %v", other.Position(), err)
			}
		})
	}
}
