package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Report is what a run found. Its JSON is for programs: names stay.
type Report struct {
	Seed           uint64  `json:"seed"`
	Broker         string  `json:"broker"`
	Nodes          int     `json:"nodes"`
	Seconds        float64 `json:"seconds"`
	SendsPerSecond float64 `json:"sends_per_second"`
	Policy         string  `json:"channel_policy"`
	Dir            string  `json:"dir"`

	// Accepted counts the records that Kafka acknowledged; of those in
	// Unacknowledged nobody knows.
	Accepted       int            `json:"accepted"`
	Unacknowledged int            `json:"unacknowledged"`
	Outcomes       map[string]int `json:"outcomes"`
	Faults         map[Kind]int   `json:"faults"`

	// Lost counts accepted sends without an outcome, and those that were sent
	// by their outcome alone.
	Lost int `json:"lost"`
	// Doubled counts what a provider without idempotency keys sent too often,
	// DoubledIdempotent what one with keys would have.
	Doubled           int `json:"doubled"`
	DoubledIdempotent int `json:"doubled_idempotent"`
	// DoubledBound is how many sends were open at the faults, added up.
	DoubledBound int `json:"doubled_bound"`
	// DoubledUnexplained counts those that were open at no fault;
	// DoubledByZombies those that a zombie sent after it woke.
	DoubledUnexplained int `json:"doubled_unexplained"`
	DoubledByZombies   int `json:"doubled_by_zombies"`
	// OutcomesMany counts sends with more than one outcome; RepeatedEvents the
	// same event written twice, which readers tell by its id.
	OutcomesMany   int   `json:"outcomes_many"`
	RepeatedEvents int   `json:"repeated_events"`
	Duplicates     int   `json:"duplicates"`
	UnknownIDs     int   `json:"unknown_ids"`
	OffsetsBack    int   `json:"offsets_back"`
	Lag            int64 `json:"lag"`
	Crashes        int   `json:"crashes"`
	// nil: not measured.
	OrderViolations *int     `json:"order_violations"`
	LimitOvershoot  *float64 `json:"limit_overshoot"`
	// The worst window begins at OvershootAt and takes OvershootSeconds.
	OvershootAt      float64 `json:"limit_overshoot_at_seconds"`
	OvershootSeconds float64 `json:"limit_overshoot_window_seconds"`

	// SilenceSeconds is the longest time in which nothing ended, from SilenceAt.
	SilenceSeconds float64 `json:"silence_seconds"`
	SilenceAt      float64 `json:"silence_at_seconds"`

	SettleSeconds float64       `json:"settle_seconds"`
	FaultLog      []FaultReport `json:"fault_log"`
	// Failures says what is wrong, a sentence each; none is a pass.
	Failures []string `json:"failures"`
	Examples []string `json:"examples"`
}

// FaultReport is one fault.
type FaultReport struct {
	At   float64 `json:"at_seconds"`
	Kind Kind    `json:"kind"`
	// Point is where in its code a node was killed; "": anywhere.
	Point string `json:"point,omitempty"`
	Node  string `json:"node,omitempty"`
	// Lasted is from its begin until the target was gone or ran again.
	Lasted float64 `json:"lasted_seconds"`
	// Open is how many sends it left open, by the provider's ledger and status.
	Open int `json:"open"`
	// Doubled is how many of those were sent again; two faults may share one.
	Doubled int `json:"doubled"`
	// OpenAttempts, Unacknowledged and Waiting are what the node said
	// of itself just before.
	OpenAttempts   int `json:"open_attempts"`
	Unacknowledged int `json:"unacknowledged_outcomes"`
	Waiting        int `json:"waiting"`
	// Recovery is until every shard had an outcome for a record accepted after
	// the fault; nil: not before the load ended.
	Recovery *float64 `json:"recovery_seconds"`
	Error    string   `json:"error,omitempty"`
}

const examples = 20

func newReport(r *run, e evidence, v *verdict) *Report {
	p := &Report{
		Seed: r.Seed, Broker: r.cluster.name, Nodes: r.Nodes, Seconds: r.Length.Seconds(),
		SendsPerSecond: r.SendsPerSecond, Policy: r.Policy, Dir: r.Dir,
		Accepted: v.accepted, Unacknowledged: v.unacknowledged, Outcomes: v.states, Faults: map[Kind]int{},
		Lost: len(v.lost), Doubled: v.doubled, DoubledIdempotent: v.doubledIdempotent,
		DoubledBound: v.bound(e.faults), DoubledUnexplained: len(v.unexplained), DoubledByZombies: len(v.late),
		OutcomesMany: len(v.manyOutcomes), RepeatedEvents: v.repeats, Duplicates: v.duplicates,
		UnknownIDs: v.unknown + r.watcher.odd, OffsetsBack: len(r.watcher.rewinds), Lag: r.lag,
		Crashes: len(r.cluster.crashes), SettleSeconds: r.settled.Seconds(),
		Failures: []string{}, Examples: []string{},
	}
	if v.silence.to.After(v.silence.from) {
		p.SilenceSeconds = v.silence.to.Sub(v.silence.from).Seconds()
		p.SilenceAt = v.silence.from.Sub(r.began).Seconds()
	}
	if e.rate > 0 {
		p.LimitOvershoot = &v.overshoot.over
		if v.overshoot.over > 0 {
			p.OvershootAt = v.overshoot.from.Sub(r.began).Seconds()
			p.OvershootSeconds = v.overshoot.to.Sub(v.overshoot.from).Seconds()
		}
	}
	for i, f := range e.faults {
		p.Faults[f.Kind]++
		p.FaultLog = append(p.FaultLog, faultReport(f, r.began, v.open[i], v.hit[i], v.recovery[i]))
	}
	for _, list := range [][]string{v.lost, v.manyOutcomes, v.unexplained, v.late, r.watcher.rewinds, r.cluster.crashes, r.unclean} {
		p.Examples = append(p.Examples, list[:min(len(list), examples)]...)
	}
	p.judge(len(r.unclean), r.Strict)
	return p
}

func faultReport(f Fault, began time.Time, open, doubled int, recovery time.Duration) FaultReport {
	ended := f.End
	if !f.Woken.IsZero() {
		ended = f.Woken
	}
	p := FaultReport{
		At: f.Begin.Sub(began).Seconds(), Kind: f.Kind, Point: f.Point, Node: f.Node, Lasted: ended.Sub(f.Begin).Seconds(), Open: open, Doubled: doubled,
		OpenAttempts: f.Gauges.open, Unacknowledged: f.Gauges.unacknowledged,
		Waiting: f.Gauges.waiting,
	}
	if recovery > 0 {
		s := recovery.Seconds()
		p.Recovery = &s
	}
	if f.Err != nil {
		p.Error = f.Err.Error()
	}
	return p
}

// judge fills Failures.
func (p *Report) judge(unclean int, strict bool) {
	fail := func(wrong bool, format string, args ...any) {
		if wrong {
			p.Failures = append(p.Failures, fmt.Sprintf(format, args...))
		}
	}
	fail(p.Accepted == 0, "nothing was accepted: the run shows nothing")
	fail(p.Lost > 0, "%d sends were lost", p.Lost)
	if p.Policy == "resend" {
		fail(p.Doubled > p.DoubledBound, "%d were doubled, and at most %d were in doubt", p.Doubled, p.DoubledBound)
		fail(p.DoubledUnexplained > 0, "%d were doubled that were open at no fault", p.DoubledUnexplained)
	}
	fail(p.Policy == "hold" && p.Doubled > 0, "%d were doubled, though the channel holds", p.Doubled)
	fail((strict || p.Policy == "idempotent") && p.DoubledIdempotent > 0, "%d were doubled in spite of the key", p.DoubledIdempotent)
	fail(p.OutcomesMany > 0, "%d sends have more than one outcome", p.OutcomesMany)
	fail(p.UnknownIDs > 0, "%d attempts or events are of sends that nobody published", p.UnknownIDs)
	fail(p.OffsetsBack > 0, "committed offsets went back %d times", p.OffsetsBack)
	fail(p.Lag != 0, "%d input records are covered by no commit", p.Lag)
	fail(p.Crashes > 0, "nodes ended by themselves %d times", p.Crashes)
	fail(unclean > 0, "%d nodes did not stop in good order at the end", unclean)
	for _, f := range p.FaultLog {
		fail(f.Error != "", "the fault %s at %.1f s: %s", f.Kind, f.At, f.Error)
	}
}

// Passed says whether nothing is wrong.
func (p *Report) Passed() bool { return len(p.Failures) == 0 }

// Write writes the report for people.
func (p *Report) Write(w io.Writer) {
	p.writeFigures(w)
	fmt.Fprintf(w, "\n  %8s  %-12s %-8s %8s %6s %7s %6s %8s %9s\n", "at", "fault", "node", "lasted", "open", "doubled", "unack", "waiting", "recovery")
	for _, f := range p.FaultLog {
		recovery := "never"
		if f.Recovery != nil {
			recovery = fmt.Sprintf("%.1f s", *f.Recovery)
		}
		fmt.Fprintf(w, "  %6.1f s  %-12s %-8s %6.1f s %6d %7d %6d %8d %9s\n", f.At, f.Kind, f.Node, f.Lasted, f.Open, f.Doubled, f.Unacknowledged, f.Waiting, recovery)
	}
	p.writeVerdict(w)
}

func (p *Report) writeFigures(w io.Writer) {
	fmt.Fprintf(w, "%d nodes on %s, %.0f s of load at %.0f sends/s, seed %d\n\n", p.Nodes, p.Broker, p.Seconds, p.SendsPerSecond, p.Seed)
	row := func(name string, value any, about string) { fmt.Fprintf(w, "  %-20s %9v  %s\n", name, value, about) }
	row("accepted", p.Accepted, "sends that Kafka acknowledged")
	for _, state := range slices.Sorted(maps.Keys(p.Outcomes)) {
		row("  "+state, p.Outcomes[state], "")
	}
	row("lost", p.Lost, "")
	row("doubled", p.Doubled, fmt.Sprintf("at most %d may be: those open at a fault", p.DoubledBound))
	row("  unexplained", p.DoubledUnexplained, "open at no fault")
	row("  by zombies", p.DoubledByZombies, "of these a frozen node sent one after it woke")
	row("doubled, with keys", p.DoubledIdempotent, "what a provider with idempotency keys would have doubled")
	row("many outcomes", p.OutcomesMany, fmt.Sprintf("sends; %d events were written twice", p.RepeatedEvents))
	row("offsets gone back", p.OffsetsBack, "")
	row("lag at the end", p.Lag, "")
	row("crashes", p.Crashes, "")
	row("order violations", optional(p.OrderViolations), "")
	row("limit overshoot", optional(p.LimitOvershoot),
		fmt.Sprintf("attempts above rate·w + burst in the worst window (%.2f s at %.1f s)", p.OvershootSeconds, p.OvershootAt))
	row("longest silence", fmt.Sprintf("%.1f s", p.SilenceSeconds), fmt.Sprintf("nothing ended from %.1f s on", p.SilenceAt))
}

func (p *Report) writeVerdict(w io.Writer) {
	if p.Passed() {
		fmt.Fprintln(w, "\npassed")
		return
	}
	fmt.Fprintf(w, "\nFAILED; data and logs are in %s\n", p.Dir)
	for _, list := range [][]string{p.Failures, p.Examples} {
		for _, text := range list {
			fmt.Fprintf(w, "  - %s\n", text)
		}
	}
}

func optional[T any](v *T) string {
	if v == nil {
		return "not measured"
	}
	if f, ok := any(*v).(float64); ok {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprint(*v)
}
