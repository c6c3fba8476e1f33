package caps

import (
	"encoding/binary"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/table"
)

// Shape is what a table has to remember for the rules that are asked of it.
type Shape struct {
	// Stamps is how many of the last that went to a recipient.
	Stamps int
	// Longest is for how long.
	Longest time.Duration
}

// With returns the shape that does for the rule as well.
func (s Shape) With(r Rule) Shape {
	return Shape{max(s.Stamps, r.Stamps()), max(s.Longest, r.Longest())}
}

// Table holds, by key, when the last ones went, and how many are reserved: they are
// on their way, and count as if they had gone. Whoever has nothing in the longest
// window is forgotten, an eighth of it later at most, or a minute.
//
// Its memory is not the Go heap's: Free gives it back, and nobody may use the table
// after that. It is not safe for concurrent use.
type Table struct {
	shape    Shape
	gone     *table.Table[Key] // the newest stamp first
	reserved map[Key]uint32
	swept    int64 // when those past the window were last forgotten
}

const (
	stampSize       = 4
	sweepsPerWindow = 8
)

// New makes an empty table.
func New(m *table.Memory, s Shape) *Table {
	return &Table{shape: s, gone: table.New[Key](m, stampSize*s.Stamps), reserved: map[Key]uint32{}}
}

// Free gives back all memory. The table must not be used any more.
func (t *Table) Free() { t.gone.Free() }

// Len returns how many keys have something that has gone.
func (t *Table) Len() int { return t.gone.Len() }

// Opens says whether one more may go at now. Where it may not, from is when it may
// by what has gone; if that is not after now, it is only reserved ones that are in
// its way.
func (t *Table) Opens(k Key, r Rule, now time.Time) (from time.Time, ok bool) {
	last, at := stamps(t.gone.Get(k)), now.Unix()
	open := 0
	if len(t.reserved) > 0 && !fault.Mutant(fault.CapNotReserved) {
		open = int(t.reserved[k])
	}
	opens, ok := last.nth(1).opens(r.Apart), r.Apart == 0 || open == 0
	for _, l := range r.Limits {
		opens = max(opens, last.nth(l.Most).opens(l.Per))
		ok = ok && open < l.Most && last.nth(l.Most-open).opens(l.Per) <= at
	}
	return time.Unix(opens, 0), ok && opens <= at
}

// opens returns when what has gone then counts no more, in Unix seconds; never is
// long ago.
func (s Stamp) opens(d time.Duration) int64 {
	if s == 0 || d == 0 {
		return 0
	}
	return s.after(d)
}

// Reserve counts one that is on its way.
func (t *Table) Reserve(k Key) { t.reserved[k]++ }

// Release takes a reservation back.
func (t *Table) Release(k Key) {
	if n := t.reserved[k]; n > 1 {
		t.reserved[k] = n - 1
	} else {
		delete(t.reserved, k)
	}
}

// Count notes one that has gone, in any order of time.
func (t *Table) Count(k Key, at Stamp, now time.Time) {
	if now.Unix()-t.swept >= t.sweepEvery() {
		t.swept = now.Unix()
		t.gone.Keep(func(v []byte) bool { return stamps(v).nth(1).opens(t.shape.Longest) > t.swept })
	}
	if at.opens(t.shape.Longest) <= now.Unix() {
		return
	}
	stamps(t.gone.Put(k)).add(at)
}

// sweepEvery is in seconds.
func (t *Table) sweepEvery() int64 {
	return int64(max(t.shape.Longest/sweepsPerWindow, time.Minute) / time.Second)
}

// stamps are times of four bytes each, the newest first; 0 is none.
type stamps []byte

// nth returns the nth newest, from 1 on.
func (s stamps) nth(n int) Stamp {
	if n < 1 || len(s) < n*stampSize {
		return 0
	}
	return Stamp(binary.LittleEndian.Uint32(s[(n-1)*stampSize:]))
}

func (s stamps) add(at Stamp) {
	for n := 1; n*stampSize <= len(s); n++ {
		if was := s.nth(n); was < at {
			binary.LittleEndian.PutUint32(s[(n-1)*stampSize:], uint32(at))
			at = was
		}
	}
}
