package chaos

import (
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
	// DoubledBound is how many attempts were open at a fault, or overdue: each of
	// them may have been repeated once. Overdue are those that came to the provider
	// at their deadline, at no fault: the machine was too busy.
	DoubledBound int `json:"doubled_bound"`
	Overdue      int `json:"overdue"`
	// DoubledUnexplained counts those that repeat no such attempt;
	// DoubledByZombies those for which a node is to blame that had outlived its
	// session.
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

	// Sends that had ended were published again after a disk was lost:
	// DuplicatesExpected of them, DuplicatesRecognised ended as duplicates,
	// DuplicatesResent went out.
	DuplicatesExpected   int `json:"duplicates_expected"`
	DuplicatesRecognised int `json:"duplicates_recognised"`
	DuplicatesResent     int `json:"duplicates_resent"`

	// OrderViolations counts the sends, of the Ordered ones with an ordering key,
	// of which the first attempt overtook that of one before it. OrderUnseen are
	// those of which the first attempt never came to the provider, but a later one.
	OrderViolations int `json:"order_violations"`
	Ordered         int `json:"ordered"`
	OrderUnseen     int `json:"order_unseen"`
	// WidestSpan is the longest way from a watermark to what was finished above
	// it, in records, as far as commits were looked at: twice a second.
	WidestSpan int64 `json:"widest_span"`

	// LimitOvershoot is by how many attempts the worst window exceeds rate·w +
	// burst, by when the engine began them: more than LimitTolerance is a failure.
	// LimitArrivals is the same by when they came to the provider: a plugin that
	// stood still, as on a busy machine, gets at all of them at once; more than
	// those of a second are a failure. nil: there was no limit.
	LimitOvershoot *float64 `json:"limit_overshoot"`
	LimitArrivals  *float64 `json:"limit_overshoot_arrivals"`
	LimitTolerance float64  `json:"limit_tolerance"`
	// LimitRate is the limit, in attempts a second.
	LimitRate float64 `json:"limit_rate"`
	// The worst window begins at OvershootAt and takes OvershootSeconds.
	OvershootAt      float64 `json:"limit_overshoot_at_seconds"`
	OvershootSeconds float64 `json:"limit_overshoot_window_seconds"`

	// SilenceSeconds is the longest time in which nothing ended, from SilenceAt.
	SilenceSeconds float64 `json:"silence_seconds"`
	SilenceAt      float64 `json:"silence_at_seconds"`

	// Flow is what was found of what decides when and by which way sends go; none
	// without --flow.
	Flow []FlowReport `json:"flow,omitempty"`

	SettleSeconds float64 `json:"settle_seconds"`
	// Recoveries is how soon all shards sent again, by kind of fault.
	Recoveries map[Kind]Recovery `json:"recoveries"`
	FaultLog   []FaultReport     `json:"fault_log"`
	// Failures says what is wrong, a sentence each; none is a pass.
	Failures []string `json:"failures"`
	Examples []string `json:"examples"`
}

// FlowReport is one check of what decides when and by which way sends go.
type FlowReport struct {
	Check string `json:"check"`
	// Judged counts the sends or attempts that it is about. Of Excused a fault may
	// have been the cause, as guarantees.md says; Wrong must be 0.
	Judged  int `json:"judged"`
	Excused int `json:"excused"`
	Wrong   int `json:"wrong"`
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
	// Open is how many attempts it left open, by the provider's ledger and status.
	Open int `json:"open"`
	// Doubled is how many of those were repeated; two faults may share one.
	Doubled int `json:"doubled"`
	// Late counts the attempts that reached the provider from a node that was
	// frozen or cut off, from the end of its session until it was a member again.
	// It may have made them before, and its plugin come to them late: Begun counts
	// those that it began after its session, by the deadlines that it gave them,
	// and must be 0. Reserved is how many it could have begun without another
	// commit: at most so many may be late; nil: not known.
	Late     int  `json:"late"`
	Begun    int  `json:"begun_late"`
	Reserved *int `json:"reserved"`
	// Forced says that a restart did not end in good order.
	Forced bool `json:"forced,omitempty"`
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

// Recovery is how soon all shards sent again after the faults of a kind.
type Recovery struct {
	Faults int `json:"faults"` // that had one before the load ended
	// Median and Max are in seconds.
	Median float64 `json:"median_seconds"`
	Max    float64 `json:"max_seconds"`
}

const examples = 8

func newReport(r *run, e evidence, v *verdict) *Report {
	p := &Report{
		Seed: r.Seed, Broker: r.cluster.broker.Name, Nodes: r.Nodes, Seconds: r.Length.Seconds(),
		SendsPerSecond: r.SendsPerSecond, Policy: r.Policy, Dir: r.Dir,
		Accepted: v.accepted, Unacknowledged: v.unacknowledged, Outcomes: v.states, Faults: map[Kind]int{},
		Lost: len(v.lost), Doubled: v.doubled, DoubledIdempotent: v.doubledIdempotent,
		DoubledBound: v.bound, Overdue: v.overdue, DoubledUnexplained: len(v.unexplained), DoubledByZombies: len(v.zombies),
		OutcomesMany: len(v.manyOutcomes), RepeatedEvents: v.repeats, Duplicates: v.duplicates,
		DuplicatesExpected: len(e.repeats), DuplicatesRecognised: v.recognised, DuplicatesResent: len(v.resent),
		OrderViolations: len(v.disordered), Ordered: v.ordered, OrderUnseen: v.unseen, WidestSpan: r.watcher.span,
		UnknownIDs: v.unknown + r.watcher.odd, OffsetsBack: len(r.watcher.rewinds), Lag: r.lag,
		Crashes: len(r.cluster.crashes), SettleSeconds: r.settled.Seconds(),
		Failures: []string{}, Examples: []string{},
	}
	p.pace(r, e, v)
	lists := [][]string{
		v.lost, v.manyOutcomes, v.unexplained, v.zombies, v.resent, v.disordered, r.watcher.rewinds, r.cluster.crashes, r.unclean,
	}
	for _, f := range v.flow {
		p.Flow = append(p.Flow, FlowReport{f.check, f.judged, f.excused, len(f.wrong)})
		lists = append(lists, f.wrong)
	}
	for i, f := range e.faults {
		p.Faults[f.Kind]++
		p.FaultLog = append(p.FaultLog, faultReport(i, f, r.began, v))
	}
	p.Recoveries = recoveries(p.FaultLog)
	for _, list := range lists {
		p.Examples = append(p.Examples, list[:min(len(list), examples)]...)
	}
	p.judge(len(r.unclean), r.Strict)
	return p
}

func (p *Report) pace(r *run, e evidence, v *verdict) {
	if v.silence.to.After(v.silence.from) {
		p.SilenceSeconds = v.silence.to.Sub(v.silence.from).Seconds()
		p.SilenceAt = v.silence.from.Sub(r.began).Seconds()
	}
	if e.rate == 0 {
		return
	}
	p.LimitOvershoot, p.LimitArrivals = &v.overshoot.over, &v.arrivals.over
	p.LimitRate, p.LimitTolerance = e.rate, tolerated(e.burst)
	if v.overshoot.over > 0 {
		p.OvershootAt = v.overshoot.from.Sub(r.began).Seconds()
		p.OvershootSeconds = v.overshoot.to.Sub(v.overshoot.from).Seconds()
	}
}

// tolerated is by how many attempts a limit may be exceeded, at hand-overs.
func tolerated(burst float64) float64 { return max(5, burst/5) }

func faultReport(i int, f Fault, began time.Time, v *verdict) FaultReport {
	p := FaultReport{
		At: f.Begin.Sub(began).Seconds(), Kind: f.Kind, Point: f.Point, Node: f.Node, Lasted: f.End.Sub(f.Begin).Seconds(),
		Open: v.open[i], Doubled: v.hit[i], Late: v.late[i], Begun: v.begun[i], Forced: !f.Clean && (f.Kind == Restart || f.Kind == Rolling),
		OpenAttempts: f.Gauges.open, Unacknowledged: f.Gauges.unacknowledged, Waiting: f.Gauges.waiting,
	}
	if f.Kind.silences() && f.Reserved >= 0 {
		p.Reserved = &f.Reserved
	}
	if v.recovery[i] > 0 {
		s := v.recovery[i].Seconds()
		p.Recovery = &s
	}
	if f.Err != nil {
		p.Error = f.Err.Error()
	}
	return p
}

func recoveries(log []FaultReport) map[Kind]Recovery {
	seconds := map[Kind][]float64{}
	for _, f := range log {
		if f.Recovery != nil {
			seconds[f.Kind] = append(seconds[f.Kind], *f.Recovery)
		}
	}
	all := map[Kind]Recovery{}
	for kind, list := range seconds {
		slices.Sort(list)
		all[kind] = Recovery{Faults: len(list), Median: list[(len(list)-1)/2], Max: list[len(list)-1]}
	}
	return all
}
