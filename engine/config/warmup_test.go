package config

import (
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	w := WarmUp{Since: "2026-12-01", Steps: []string{"50/d for 1d", "10/h for 36h"}}
	steps, err := w.Schedule()
	if err != nil || len(steps) != 2 {
		t.Fatal(steps, err)
	}
	for i, want := range []Step{
		{time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC), Rate{50, day}},
		{time.Date(2026, 12, 3, 12, 0, 0, 0, time.UTC), Rate{10, time.Hour}},
	} {
		if !steps[i].Until.Equal(want.Until) || steps[i].Rate != want.Rate {
			t.Errorf("step %d is %+v, want %+v", i, steps[i], want)
		}
	}
	if steps, err := (WarmUp{}).Schedule(); steps != nil || err != nil {
		t.Error(steps, err)
	}
}
