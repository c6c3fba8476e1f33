// Package caps counts what goes to each recipient, and says when one more may go:
// at most so many in any window of a length, and none sooner than so long after
// the last. It is pure: the time is passed in, in whole seconds.
package caps

import (
	"encoding/binary"
	"time"

	"github.com/zeebo/xxh3"
)

// Limit lets at most so many go in any window of that length.
type Limit struct {
	Most int
	Per  time.Duration
}

// Rule is what one more must keep to. The zero Rule lets everything pass.
type Rule struct {
	Limits []Limit
	// Apart is the least time between two.
	Apart time.Duration
}

// None says whether everything passes.
func (r Rule) None() bool { return len(r.Limits) == 0 && r.Apart == 0 }

// Longest returns for how long what has gone counts.
func (r Rule) Longest() time.Duration {
	longest := r.Apart
	for _, l := range r.Limits {
		longest = max(longest, l.Per)
	}
	return longest
}

// Stamps returns how many of the last that have gone decide.
func (r Rule) Stamps() int {
	n := 0
	if r.Apart > 0 {
		n = 1
	}
	for _, l := range r.Limits {
		n = max(n, l.Most)
	}
	return n
}

// Key names what is counted together: a hash of 64 bits. Among ten million
// recipients two have the same one with a chance of three in a million; they then
// count for each other. XXH3 is no cryptographic hash: who chooses recipient ids
// may bring it about.
type Key [8]byte

// KeyOf returns the key of an app's recipient and a class. No app is all apps
// together.
func KeyOf(app, recipient string, class uint8) Key {
	var space [1 + 2*4 + 64 + 128]byte // what a valid send needs; longer ones allocate
	b := append(space[:0], class)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(app))), app...)
	b = append(b, recipient...)
	var k Key
	binary.LittleEndian.PutUint64(k[:], xxh3.Hash(b))
	return k
}

// Stamp is a time in Unix seconds, until 2106; 0 is none.
type Stamp uint32

// At returns the stamp of what went at t: the next full second, so that no window
// is shorter than it should be.
func At(t time.Time) Stamp {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return Stamp(min(max(s, 1), 1<<32-1))
}

// Time returns the stamp's time.
func (s Stamp) Time() time.Time { return time.Unix(int64(s), 0) }

// after returns the stamp a time later, in whole seconds, rounded up.
func (s Stamp) after(d time.Duration) int64 {
	return int64(s) + int64((d+time.Second-1)/time.Second)
}
