package shard

import (
	"testing"

	"pgregory.net/rapid"
)

// The tracker against a model that remembers every offset.
func TestTrackerIsALowWatermark(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Int64Range(0, 1<<40).Draw(t, "first")
		tr := NewTracker(first)
		next := first
		open := map[int64]bool{}
		var order []int64
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1: // a record, perhaps after a gap
				next += rapid.Int64Range(0, 3).Draw(t, "gap")
				tr.Begin(next)
				open[next] = true
				order = append(order, next)
				next++
			case 2: // any begun record finishes, perhaps for the second time
				if len(order) > 0 {
					o := order[rapid.IntRange(0, len(order)-1).Draw(t, "which")]
					tr.Finish(o)
					delete(open, o)
				}
			case 3: // the fetch ended in control records
				next += rapid.Int64Range(0, 2000).Draw(t, "skip")
				tr.SkipTo(next)
			}
			low := next
			for o := range open {
				low = min(low, o)
			}
			if tr.Low() != low || tr.Open() != len(open) {
				t.Fatalf("low %d open %d, want %d %d", tr.Low(), tr.Open(), low, len(open))
			}
		}
	})
}

func BenchmarkTracker(b *testing.B) {
	tr := NewTracker(0)
	o := int64(0)
	for b.Loop() {
		tr.Begin(o)
		if o >= 4000 {
			tr.Finish(o - 4000)
		}
		o++
	}
}
