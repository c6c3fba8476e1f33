package caps

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/table"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newTable(rules ...Rule) *Table {
	var s Shape
	for _, r := range rules {
		s = s.With(r)
	}
	return New(&table.Memory{}, s)
}

func TestOpens(t *testing.T) {
	const h, day = time.Hour, 24 * time.Hour
	three := Rule{Limits: []Limit{{3, day}}}
	both := Rule{Limits: []Limit{{1, h}, {2, day}}, Apart: 30 * time.Minute}
	for _, c := range []struct {
		name     string
		rule     Rule
		gone     []time.Duration // before now
		reserved int
		in       time.Duration // until it may go by what has gone
		ok       bool
	}{
		{"nothing has gone", three, nil, 0, -1, true},
		{"there is room", three, []time.Duration{h, 2 * h}, 0, -1, true},
		{"there is none until the first is a day old", three, []time.Duration{h, 2 * h, 23 * h}, 0, h, false},
		{"the first is a day old", three, []time.Duration{h, 2 * h, day}, 0, -1, true},
		{"what was counted out of order", three, []time.Duration{23 * h, h, 22 * h}, 0, h, false},
		{"more than can be has gone", three, []time.Duration{h, 2 * h, 3 * h, 4 * h}, 0, 21 * h, false},
		{"what is reserved counts", three, []time.Duration{h, 2 * h}, 1, -1, false},
		{"reserved alone", three, nil, 3, -1, false},
		{"one place is left", three, []time.Duration{h}, 1, -1, true},
		{"the longest wait of several limits", both, []time.Duration{50 * time.Minute, 2 * h}, 0, 22 * h, false},
		{"of which the short one", both, []time.Duration{50 * time.Minute}, 0, 10 * time.Minute, false},
		{"apart", Rule{Apart: h}, []time.Duration{20 * time.Minute}, 0, 40 * time.Minute, false},
		{"apart, long ago", Rule{Apart: h}, []time.Duration{h}, 0, 0, true},
		{"apart, and one is on its way", Rule{Apart: h}, nil, 1, -1, false},
		{"a time to come, of another clock", three, []time.Duration{-h, -h, -h}, 0, 25 * h, false},
		{"no rule", Rule{}, []time.Duration{0}, 9, -1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTable(c.rule, three)
			defer x.Free()
			k := KeyOf("shop", "u1", 2)
			for _, ago := range c.gone {
				x.Count(k, At(start.Add(-ago)), start)
			}
			for range c.reserved {
				x.Reserve(k)
			}
			from, ok := x.Opens(k, c.rule, start)
			if ok != c.ok || c.in >= 0 && !from.Equal(start.Add(c.in)) || c.in < 0 && from.After(start) {
				t.Errorf("%v from %v on, want %v in %v", ok, from, c.ok, c.in)
			}
			if _, ok := x.Opens(KeyOf("shop", "u2", 2), c.rule, start); !ok {
				t.Error("another recipient may not")
			}
		})
	}
}

// No window is shorter than it should be, though stamps are whole seconds.
func TestStampsAreRoundedUp(t *testing.T) {
	x := newTable(Rule{Apart: time.Minute})
	defer x.Free()
	at := start.Add(900 * time.Millisecond)
	x.Count(Key{}, At(at), at)
	for _, c := range []struct {
		after time.Duration
		ok    bool
	}{{59 * time.Second, false}, {time.Minute, false}, {time.Minute + 100*time.Millisecond, true}} {
		if _, ok := x.Opens(Key{}, Rule{Apart: time.Minute}, at.Add(c.after)); ok != c.ok {
			t.Errorf("after %v: %v", c.after, ok)
		}
	}
}

// Keys differ wherever what they are of does.
func TestKeyOf(t *testing.T) {
	seen := map[Key]string{}
	for _, k := range []struct {
		app, recipient string
		class          uint8
	}{{"a", "bc", 1}, {"ab", "c", 1}, {"a", "bc", 2}, {"", "abc", 1}, {"", "bc", 1}, {"abc", "", 1}} {
		if was, twice := seen[KeyOf(k.app, k.recipient, k.class)]; twice {
			t.Errorf("%v has the key of %v", k, was)
		}
		seen[KeyOf(k.app, k.recipient, k.class)] = fmt.Sprint(k)
	}
}

// Whatever is reserved, counted, given back and built anew, in whatever order: in no
// window do more go than may, and none sooner than it may.
func TestNeverMoreThanMayGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t)
		x := newTable(r)
		k := KeyOf("shop", "u1", 2)
		now, open := start, 0
		var gone []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "milliseconds")) * time.Millisecond)
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0, 1, 2:
				from, ok := x.Opens(k, r, now)
				if ok {
					x.Reserve(k)
					open++
				} else if open == 0 && !from.After(now) {
					t.Fatalf("nothing is in its way, and it may not go")
				}
			case 3, 4:
				if open > 0 {
					open--
					x.Release(k)
					x.Count(k, At(now), now)
					gone = append(gone, now)
					check(t, r, gone)
				}
			case 5:
				if open > 0 {
					open--
					x.Release(k)
				}
			case 6: // others come and go
				x.Count(KeyOf("shop", fmt.Sprint(now), 2), At(now), now)
			case 7: // a restart knows what has gone, in any order, and not what is on its way
				x.Free()
				x, open = newTable(r), 0
				for _, at := range rapid.Permutation(gone).Draw(t, "order") {
					x.Count(k, At(at), now)
				}
			}
		}
		x.Free()
	})
}

func drawRule(t *rapid.T) (r Rule) {
	for range rapid.IntRange(0, 3).Draw(t, "limits") {
		r.Limits = append(r.Limits, Limit{rapid.IntRange(1, 5).Draw(t, "most"), time.Duration(rapid.IntRange(1, 120).Draw(t, "per")) * time.Second})
	}
	if rapid.Bool().Draw(t, "apart") {
		r.Apart = time.Duration(rapid.IntRange(1, 60).Draw(t, "apart")) * time.Second
	}
	return r
}

// check looks at every window that ends with one that has gone.
func check(t *rapid.T, r Rule, gone []time.Time) {
	last := gone[len(gone)-1]
	for _, l := range r.Limits {
		n := 0
		for _, at := range gone {
			if last.Sub(at) < l.Per {
				n++
			}
		}
		if n > l.Most {
			t.Fatalf("%d went within %v, and %d may: %v", n, l.Per, l.Most, gone)
		}
	}
	if n := len(gone); n > 1 && last.Sub(gone[n-2]) < r.Apart {
		t.Fatalf("two went within %v: %v", r.Apart, gone)
	}
}

// Who has nothing in the window is forgotten, and the memory comes back.
func TestOnlyWhoHasSomethingIsHeld(t *testing.T) {
	m := &table.Memory{}
	x := New(m, Shape{Stamps: 3, Longest: 24 * time.Hour})
	const n = 100_000
	for i := range n {
		x.Count(number(i), At(start), start)
	}
	had := m.Bytes()
	x.Count(number(-1), At(start.Add(25*time.Hour)), start.Add(25*time.Hour))
	if x.Len() != 1 || m.Bytes() > had/10 {
		t.Errorf("%d are held in %d bytes, of %d", x.Len(), m.Bytes(), had)
	}
	x.Count(number(0), At(start), start.Add(25*time.Hour)) // too old to count
	if x.Len() != 1 {
		t.Error("what is past the window is held")
	}
	if x.Free(); m.Bytes() != 0 {
		t.Error(m.Bytes())
	}
}

// The newest stay where there are more than a rule goes by.
func TestTheNewestStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Uint32Range(1, 1000), 1, 20).Draw(t, "stamps")
		s := make(stamps, 4*rapid.IntRange(1, 8).Draw(t, "room"))
		for _, at := range all {
			s.add(Stamp(at))
		}
		slices.SortFunc(all, func(a, b uint32) int { return int(b) - int(a) })
		for n := 1; n*4 <= len(s) && n <= len(all); n++ {
			if s.nth(n) != Stamp(all[n-1]) {
				t.Fatalf("%v of %v", s, all)
			}
		}
	})
}
