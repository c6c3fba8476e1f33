package shard

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The tracker against a model that remembers every offset.
func TestTrackerIsALowWatermark(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, span := rapid.Int64Range(0, 1<<40).Draw(t, "first"), rapid.Int64Range(1, 3000).Draw(t, "span")
		tr := NewTracker(first, span)
		m := trackerModel{span: span, next: first, open: map[int64]*item{}}
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1: // a record, perhaps after a gap
				o := m.next + rapid.Int64Range(0, 3).Draw(t, "gap")
				if tr.Fits(o) != m.fits(o) {
					t.Fatalf("%d fits: %v", o, tr.Fits(o))
				}
				if tr.Fits(o) {
					tr.Begin(o)
					m.begin(o, rapid.Bool().Draw(t, "item"), tr)
				}
			case 2: // any begun record finishes, perhaps for the second time
				if len(m.order) > 0 {
					o := m.order[rapid.IntRange(0, len(m.order)-1).Draw(t, "which")]
					tr.Finish(o)
					delete(m.open, o)
				}
			case 3: // the fetch ended in control records, perhaps very many
				o := m.next + rapid.Int64Range(0, 4000).Draw(t, "skip")
				tr.SkipTo(o)
				if len(m.open) > 0 {
					o = min(o, m.low()+span)
				}
				m.next = max(m.next, o)
			}
			m.check(t, tr)
		}
	})
}

type trackerModel struct {
	span, next int64
	open       map[int64]*item
	order      []int64 // all that were begun
}

func (m *trackerModel) fits(o int64) bool { return len(m.open) == 0 || o < m.low()+m.span }

func (m *trackerModel) begin(o int64, withItem bool, tr *Tracker) {
	m.next, m.open[o], m.order = o+1, nil, append(m.order, o)
	if withItem {
		m.open[o] = &item{offset: o}
		tr.Hold(o, m.open[o])
	}
}

func (m *trackerModel) low() int64 {
	low := m.next
	for o := range m.open {
		low = min(low, o)
	}
	return low
}

func (m *trackerModel) check(t *rapid.T, tr *Tracker) {
	low := m.low()
	if tr.Low() != low || tr.Open() != len(m.open) || tr.next > low+m.span && len(m.open) > 0 {
		t.Fatalf("low %d next %d open %d, want low %d open %d within %d", tr.Low(), tr.next, tr.Open(), low, len(m.open), m.span)
	}
	at := low
	last := int64(-1)
	for _, run := range tr.Runs() {
		if run.From <= last || run.To <= run.From {
			t.Fatalf("runs %v", tr.Runs())
		}
		for ; at < run.From; at++ {
			if _, open := m.open[at]; !open {
				t.Fatalf("%d is finished and in no run: %v", at, tr.Runs())
			}
		}
		for ; at < run.To; at++ {
			if _, open := m.open[at]; open {
				t.Fatalf("%d is open and in a run: %v", at, tr.Runs())
			}
		}
		last = run.To
	}
	limit := low + m.span/2
	var got []int64
	tr.Items(limit, func(it *item) { got = append(got, it.offset) })
	var want []int64
	for o, it := range m.open {
		if it != nil && o < limit {
			want = append(want, o)
		}
	}
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Fatalf("items at %v, want %v", got, want)
	}
}

func BenchmarkTracker(b *testing.B) {
	tr := NewTracker(0, 1<<40)
	o := int64(0)
	for b.Loop() {
		tr.Begin(o)
		if o >= 4000 {
			tr.Finish(o - 4000)
		}
		o++
	}
}
