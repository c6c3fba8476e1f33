package chaos

import (
	"reflect"
	"testing"
)

// Each death is counted in its point's row, and a send that was lost in that of
// the first death after it was published.
func TestPointsReport(t *testing.T) {
	seconds := func(s float64) *float64 { return &s }
	x := &pointsRun{
		run:    &run{publisher: &publisher{run: "r-"}},
		points: []string{"here", "there"}, repetitions: 2,
		published: []int{10, 20, 30, 40},
	}
	log := []FaultReport{
		{Point: "here", Open: 3, Doubled: 1, Recovery: seconds(4)},
		{Point: "there", Open: 2, Recovery: seconds(1)},
		{Point: "there", Error: "there was not reached"},
		{Point: "here", Open: 5, Doubled: 2, Recovery: seconds(6)},
	}
	v := &verdict{lost: []string{"r-9: no outcome", "r-10: no outcome", "r-39: no outcome", "r-40: no outcome", "else: no outcome"}}
	want := []PointReport{
		{Point: "here", Repetitions: 2, Reached: 2, Lost: 2, Doubled: 3, Bound: 8, RecoveryMedian: 6, RecoveryMax: 6},
		{Point: "there", Repetitions: 2, Reached: 1, Lost: 1, Bound: 2, RecoveryMedian: 1, RecoveryMax: 1},
	}
	if got := newPointsReport(x, &Report{FaultLog: log}, v).Points; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
