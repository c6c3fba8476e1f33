package rig

import "testing"

func TestSum(t *testing.T) {
	const text = `# HELP carillon_lane_open_attempts Attempts.
# TYPE carillon_lane_open_attempts gauge
carillon_lane_open_attempts{account="main",channel="sink"} 3
carillon_lane_open_attempts{account="other",channel="sink"} 1e2
carillon_lane_open_attempts_total 7
carillon_unacknowledged_outcomes 5
`
	if got := Metrics(text).Sum("carillon_lane_open_attempts"); got != 103 {
		t.Errorf("open attempts: %v, want 103", got)
	}
	if got := Metrics(text).Sum("carillon_unacknowledged_outcomes"); got != 5 {
		t.Errorf("unacknowledged: %v, want 5", got)
	}
	if got := Metrics(text).Sum("carillon_lane_open_attempts", `account="other"`); got != 100 {
		t.Errorf("open attempts of the other account: %v, want 100", got)
	}
	if got := Metrics(text).Sum("carillon_outcomes_total"); got != 0 {
		t.Errorf("a metric that is not there: %v, want 0", got)
	}
}
