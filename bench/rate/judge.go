package rate

import (
	"fmt"
	"time"

	"github.com/carillonhq/carillon/bench/report"
)

// What is promised: of a hundred requests at most one is refused, and outside of
// the hand-overs at least ninety-five of a hundred that the provider takes are made.
const (
	mostOvershoot    = 0.01
	leastUtilisation = 0.95
)

func (r *run) result() *report.Result {
	return &report.Result{
		Command: "rate", Started: time.Now(), Passed: true, Machine: report.ThisMachine(), Broker: r.rig.Broker.Name,
		Settings: map[string]any{
			"most": r.Most, "senders": r.Senders, "share": r.Share, "length": r.Length, "warm_up": r.WarmUp,
			"hand_over": r.HandOver, "nodes": nodes, "partitions": r.Partitions, "broker": r.Broker,
		},
	}
}

// span is a time in which nothing is handed over.
type span struct{ from, to time.Time }

// steady are the spans between the hand-overs.
func (r *run) steady() []span {
	var all []span
	from := r.began
	for _, at := range r.changes {
		all = append(all, span{from, at})
		from = at.Add(r.HandOver)
	}
	return append(all, span{from, r.ended})
}

// judge fills in the result.
func (r *run) judge(res *report.Result) {
	whole := r.provider.between(r.began, r.ended, r.Senders)
	seconds := r.ended.Sub(r.began).Seconds()
	overshoot := share(float64(whole.offered-whole.taken), float64(whole.offered))
	t := report.Table{Title: "Between the hand-overs", Columns: []string{"nodes", "seconds", "taken/s", "utilisation %", "of the slowest sender %", "refused", "most in any second"}}
	possible, used := 0.0, 0.0
	for i, s := range r.steady() {
		c, lasts := r.provider.between(s.from, s.to, r.Senders), s.to.Sub(s.from).Seconds()
		all := float64(r.Most*r.Senders) * lasts
		possible, used = possible+all, used+float64(c.taken)
		t.Add(nodes-i%2, lasts, float64(c.taken)/lasts, 100*share(float64(c.taken), all),
			100*share(float64(c.least), float64(r.Most)*lasts), c.offered-c.taken, c.most)
	}
	utilisation := share(used, possible)
	res.Tables = append(res.Tables, t)
	res.Add("offered", "requests/s", float64(whole.offered)/seconds, report.Neither)
	res.Add("accepted", "requests/s", float64(whole.taken)/seconds, report.Neither)
	f := res.Add("overshoot", "%", 100*overshoot, report.Lower)
	f.Key, f.Note = true, "of the requests, hand-overs included: those that the provider refused"
	f = res.Add("utilisation", "%", 100*utilisation, report.Higher)
	f.Key, f.Note = true, fmt.Sprintf("of what the provider takes, but for %v after each change", r.HandOver)
	res.Add("most_in_a_second", "requests", float64(whole.most), report.Lower).Note = fmt.Sprintf("of one sender, in any second; the provider takes %d", r.Most)
	res.AddFaults(0, r.provider.doubled)
	if overshoot > mostOvershoot {
		res.Fail(fmt.Sprintf("%.2f %% of the requests were refused; at most 1 %% may be", 100*overshoot))
	}
	if utilisation < leastUtilisation {
		res.Fail(fmt.Sprintf("%.1f %% of the rate was used outside of the hand-overs; it has to be 95 %%", 100*utilisation))
	}
	if r.provider.doubled > 0 {
		res.Fail(fmt.Sprintf("%s reached the provider twice", report.Plural(r.provider.doubled, "send")))
	}
}

// share is part of all, and nothing of nothing.
func share(part, all float64) float64 {
	if all == 0 {
		return 0
	}
	return part / all
}
