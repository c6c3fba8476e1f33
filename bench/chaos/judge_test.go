package chaos

import (
	"strings"
	"testing"
)

// A report of a run that went well, and one thing in it that did not.
func TestJudge(t *testing.T) {
	over, reserved := 21.0, 40
	for _, c := range []struct {
		name   string
		change func(*Report)
		want   string // in the only failure; "" for a pass
	}{
		{"all is well", func(*Report) {}, ""},
		{"within the bound", func(p *Report) { p.Doubled, p.DoubledBound = 3, 3 }, ""},
		{"above the bound", func(p *Report) { p.Doubled, p.DoubledBound = 4, 3 }, "at most 3"},
		{"a channel that holds has no bound", func(p *Report) { p.Policy, p.Doubled, p.DoubledBound = "hold", 1, 3 }, "holds"},
		{"a provider that knows keys", func(p *Report) { p.Policy, p.Doubled, p.DoubledIdempotent = "idempotent", 1, 1 }, "in spite of the key"},
		{"out of order", func(p *Report) { p.OrderViolations, p.Ordered = 1, 9 }, "1 of 9"},
		{"a duplicate without an outcome", func(p *Report) { p.DuplicatesExpected, p.DuplicatesRecognised = 50, 49 }, "49 ended as duplicates"},
		{"a duplicate that was sent", func(p *Report) { p.DuplicatesResent = 1 }, "1 sends were sent"},
		{"over the limit", func(p *Report) { p.LimitOvershoot, p.LimitTolerance = &over, 20 }, "exceeded by 21"},
		{"over the limit at the provider", func(p *Report) { p.LimitArrivals, p.LimitRate = &over, 20 }, "at the provider"},
		{"what was on its way when the node was frozen", func(p *Report) { p.FaultLog[0].Late = 33 }, ""},
		{"begun after the session", func(p *Report) { p.FaultLog[0].Late, p.FaultLog[0].Begun = 33, 1 }, "began 1"},
		{"more than it had reserved", func(p *Report) { p.FaultLog[0].Late, p.FaultLog[0].Reserved = 20, new(int) }, "had reserved 0"},
		{"a restart by force", func(p *Report) { p.FaultLog[1].Forced = true }, "good order"},
		{"the broker was away", func(p *Report) {
			p.FaultLog[1].Forced = true
			p.FaultLog = append(p.FaultLog, FaultReport{Kind: Broker, At: 25, Lasted: 2})
		}, ""},
		{"a fault that could not be made", func(p *Report) { p.FaultLog[1].Error = "no such process" }, "no such process"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Report{Nodes: 3, Accepted: 100, Policy: "resend", LimitOvershoot: new(float64), LimitArrivals: new(float64), FaultLog: []FaultReport{
				{Kind: Zombie, Node: "node-1", At: 10, Lasted: 8, Reserved: &reserved},
				{Kind: Restart, Node: "node-2", At: 30, Lasted: 1},
			}}
			c.change(p)
			p.judge(0, false)
			if got := strings.Join(p.Failures, "\n"); p.Passed() != (c.want == "") || !strings.Contains(got, c.want) || len(p.Failures) > 1 {
				t.Errorf("%q, want %q", p.Failures, c.want)
			}
		})
	}
}
