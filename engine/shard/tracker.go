package shard

import (
	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
)

// Tracker keeps which offsets of one partition are finished, and the low
// watermark below which all are: the only offset that may be committed.
// It is not safe for concurrent use: its shard's loop owns it.
type Tracker struct {
	low  int64  // every offset under it is finished
	next int64  // the first offset not yet begun
	span int64  // next is never further from low
	ring []slot // of offset i at i%len, for low..next-1
	open int
}

// slot is one offset's.
type slot struct {
	done bool
	item *item // that keeps it open, if one does
}

// NewTracker starts at the first offset that is not finished. span bounds how
// far above the watermark offsets may be begun.
func NewTracker(low, span int64) *Tracker {
	return &Tracker{low: low, next: low, span: span, ring: make([]slot, min(span, 1024))}
}

// Fits says whether an offset may be begun now: the span has room for it.
func (t *Tracker) Fits(offset int64) bool { return t.open == 0 || offset < t.low+t.span }

// Begin takes an offset in that fits. Offsets must rise; those left out
// (compacted away, control records) count as finished.
func (t *Tracker) Begin(offset int64) {
	t.skipTo(offset)
	t.grow(offset + 1 - t.low)
	*t.at(offset) = slot{}
	t.next = offset + 1
	t.open++
}

// Hold notes the item of an offset that was begun.
func (t *Tracker) Hold(offset int64, it *item) { t.at(offset).item = it }

// Finish marks an offset that was begun, and returns whether the watermark
// moved.
func (t *Tracker) Finish(offset int64) bool {
	if offset < t.low || offset >= t.next || t.at(offset).done {
		return false
	}
	*t.at(offset) = slot{done: true}
	t.open--
	return t.advance()
}

// SkipTo says that nothing is left to begin below offset. Where that is past
// the span, it does so in part.
func (t *Tracker) SkipTo(offset int64) {
	if t.open > 0 {
		offset = min(offset, t.low+t.span)
	}
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

// Items calls each with the items that keep offsets open below to, in order.
func (t *Tracker) Items(to int64, each func(*item)) {
	for o := t.low; o < min(to, t.next); o++ {
		if it := t.at(o).item; it != nil {
			each(it)
		}
	}
}

// Runs returns what is finished above the watermark.
func (t *Tracker) Runs() []intake.Run {
	var runs []intake.Run
	for o := t.low; o < t.next; o++ {
		switch n := len(runs); {
		case !t.at(o).done:
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
		*t.at(t.next) = slot{done: true}
	}
}

func (t *Tracker) advance() bool {
	from := t.low
	for t.low < t.next && t.at(t.low).done {
		t.low++
	}
	return t.low != from
}

func (t *Tracker) at(offset int64) *slot { return &t.ring[offset%int64(len(t.ring))] }

func (t *Tracker) grow(span int64) {
	if span <= int64(len(t.ring)) {
		return
	}
	size := int64(len(t.ring))
	for size < span {
		size *= 2
	}
	ring := make([]slot, size)
	for o := t.low; o < t.next; o++ {
		ring[o%size] = *t.at(o)
	}
	t.ring = ring
}
