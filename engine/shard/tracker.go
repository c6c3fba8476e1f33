package shard

import "github.com/carillonhq/carillon/engine/intake"

import "github.com/carillonhq/carillon/engine/fault"

// Tracker keeps which offsets of one partition are finished, and the low
// watermark below which all are: the only offset that may be committed.
// It is not safe for concurrent use: its shard's loop owns it.
type Tracker struct {
	low  int64  // every offset under it is finished
	next int64  // the first offset not yet begun
	done []bool // ring: done[i%len] for offsets low..next-1
	open int
}

// NewTracker starts at the first offset that is not finished.
func NewTracker(low int64) *Tracker {
	return &Tracker{low: low, next: low, done: make([]bool, 1024)}
}

// Begin takes an offset in. Offsets must rise; those left out (compacted away,
// control records) count as finished.
func (t *Tracker) Begin(offset int64) {
	t.skipTo(offset)
	t.grow(offset + 1 - t.low)
	t.done[t.slot(offset)] = false
	t.next = offset + 1
	t.open++
}

// Finish marks an offset that was begun, and returns whether the watermark
// moved.
func (t *Tracker) Finish(offset int64) bool {
	i := t.slot(offset)
	if offset < t.low || offset >= t.next || t.done[i] {
		return false
	}
	t.done[i] = true
	t.open--
	return t.advance()
}

// SkipTo says that nothing is left to begin below offset.
func (t *Tracker) SkipTo(offset int64) {
	t.skipTo(offset)
	t.advance()
}

// Low returns the low watermark: what to commit.
func (t *Tracker) Low() int64 {
	if fault.Mutant(fault.MaxInsteadOfWatermark) {
		return t.next
	}
	return t.low
}

// Open returns how many offsets are begun and not finished.
func (t *Tracker) Open() int { return t.open }

// Runs returns what is finished above the watermark.
func (t *Tracker) Runs() []intake.Run {
	var runs []intake.Run
	for o := t.low; o < t.next; o++ {
		switch n := len(runs); {
		case !t.done[t.slot(o)]:
		case n > 0 && runs[n-1].To == o:
			runs[n-1].To++
		default:
			runs = append(runs, intake.Run{From: o, To: o + 1})
		}
	}
	return runs
}

func (t *Tracker) skipTo(offset int64) {
	if offset <= t.next {
		return
	}
	if t.open == 0 {
		t.low, t.next = offset, offset
		return
	}
	t.grow(offset - t.low)
	for ; t.next < offset; t.next++ {
		t.done[t.slot(t.next)] = true
	}
}

func (t *Tracker) advance() bool {
	from := t.low
	for t.low < t.next && t.done[t.slot(t.low)] {
		t.low++
	}
	return t.low != from
}

func (t *Tracker) slot(offset int64) int { return int(offset % int64(len(t.done))) }

func (t *Tracker) grow(span int64) {
	if span <= int64(len(t.done)) {
		return
	}
	size := int64(len(t.done))
	for size < span {
		size *= 2
	}
	ring := make([]bool, size)
	for o := t.low; o < t.next; o++ {
		ring[o%size] = t.done[t.slot(o)]
	}
	t.done = ring
}
