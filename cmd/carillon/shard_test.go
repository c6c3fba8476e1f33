package main

import (
	"strings"
	"testing"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
)

// surveyed is an input as it is seen from outside.
func surveyed(e engine.Evidence) *inputState {
	e.Topic, e.Index = "carillon.sends", 3
	s := newInputState(e, engine.Judge("carillon", true, e)[0], "")
	return &s
}

func TestInputFigures(t *testing.T) {
	r := intake.Reservation{Low: 100, Reserved: 200, Done: []intake.Run{{From: 102, To: 105}, {From: 107, To: 108}}, Parked: 7, Owner: "n1"}
	in := surveyed(engine.Evidence{Commit: kafka.Commit{Offset: r.Low, Metadata: r.Text()}, First: 10, End: 150, Known: []intake.Run{{From: 90, To: 108}}})
	if *in.Committed != 100 || *in.Reserved != 200 || in.Above != 4 || in.Lag != 46 || in.Settled != 108 || in.State != "ok" || in.Process != "n1" || in.Parked != 7 {
		t.Errorf("%+v", in)
	}
	var text []string
	for _, row := range in.rows() {
		text = append(text, strings.Join(row, " "))
	}
	if all := strings.Join(text, "\n"); !strings.Contains(all, "4 records are finished above the watermark: 102 to 104, 107") {
		t.Error(all)
	}
	// Nothing is committed: all of the log is behind.
	in = surveyed(engine.Evidence{Commit: kafka.Commit{Offset: -1}, First: 10, End: 150})
	if in.Committed != nil || in.Reserved != nil || in.Lag != 140 || in.State != "quarantined" || in.Command == "" {
		t.Errorf("%+v", in)
	}
}

func TestAcceptFrom(t *testing.T) {
	good := intake.Reservation{Low: 100, Reserved: 200}
	fine := surveyed(engine.Evidence{Commit: kafka.Commit{Offset: 100, Metadata: good.Text()}, First: 10, End: 150})
	reset := surveyed(engine.Evidence{Commit: kafka.Commit{Offset: 20}, First: 10, End: 150, Known: []intake.Run{{From: 90, To: 120}}})
	gone := surveyed(engine.Evidence{Commit: kafka.Commit{Offset: -1}, First: 10, End: 150})
	for _, c := range []struct {
		name string
		in   *inputState
		text string
		past int64 // -1: not given
		want int64 // -1: refused
	}{
		{"what is suggested", reset, "", -1, 120},
		{"what the other tool set", reset, "current", -1, 20},
		{"the start", reset, "earliest", -1, 10},
		{"the end", reset, "latest", -1, 150},
		{"an offset", reset, "130", -1, 130},
		{"before the log", reset, "9", -1, -1},
		{"behind the log", reset, "151", -1, -1},
		{"a word", reset, "beginning", -1, -1},
		{"nothing is committed", gone, "current", -1, -1},
		// A shard that is fine goes on by itself.
		{"nothing is wrong", fine, "", -1, -1},
		{"back", fine, "50", -1, -1},
		{"where it is", fine, "current", -1, -1},
		{"forward", fine, "120", -1, -1},
		// But what can't be read is passed over.
		{"past a batch", fine, "120", 110, 120},
		{"past a batch, back", fine, "110", 110, -1},
		{"past a batch, behind the log", fine, "160", 110, -1},
	} {
		got, err := c.in.from(c.text, c.past)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("%s: %d, %v; want %d", c.name, got, err, c.want)
		}
	}
}

func TestRunsText(t *testing.T) {
	many := []run{{1, 2}, {3, 5}, {6, 7}, {8, 9}, {10, 11}, {12, 13}, {14, 15}, {16, 17}, {18, 19}}
	for want, runs := range map[string][]run{
		"":                                     nil,
		": 1, 3 to 4":                          many[:2],
		": 1, 3 to 4, 6, 8, 10, 12, 14, 16, …": many,
	} {
		if got := runsText(runs); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
