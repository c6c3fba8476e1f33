// Package metrics holds what the engine shows to Prometheus. docs/metrics.md
// lists every metric.
//
// Labels are few and bounded: channels, accounts, topics and partitions come
// from the configuration, everything else from fixed lists. There is no label
// by app, campaign or recipient.
//
// The methods that take label values look a series up, which costs a hash and a
// lock: a hot loop asks once, keeps what it gets, and adds once per batch. All
// of it is safe for concurrent use.
package metrics

import (
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics is one engine's set of collectors.
type Metrics struct {
	// Duplicates counts sends whose id had been seen.
	Duplicates prometheus.Counter
	// Redelivered counts records that were read again and skipped, since their
	// own send was already known.
	Redelivered prometheus.Counter
	// MarketingOnUrgent counts marketing sends on the urgent topic.
	MarketingOnUrgent prometheus.Counter
	// ControlSkipped counts records of the topic control that are passed over.
	ControlSkipped prometheus.Counter
	// LateResults counts results of attempts that had been given up.
	LateResults prometheus.Counter
	// ProduceRetries counts produce requests that were made again.
	ProduceRetries prometheus.Counter
	// Unacknowledged holds the outcomes that are produced and not acknowledged.
	Unacknowledged prometheus.Gauge
	// Commits and CommitErrors count offset commits: all, and the refused ones.
	Commits, CommitErrors prometheus.Counter
	// ShardsOwned holds how many shards this node owns.
	ShardsOwned prometheus.Gauge
	// InDoubt holds the sends that are held until an operator decides.
	InDoubt prometheus.Gauge
	// Rebalances counts the generations of the group that this node joined.
	Rebalances prometheus.Counter

	// Suppressions are the series about whom nothing may go to.
	Suppressions Suppressions

	reg prometheus.Registerer

	outcomes, progress, invalid, nearMiss, forwarded, intake *prometheus.CounterVec
	orderWaits                                               *prometheus.CounterVec
	attempts, retries, pluginRestarts, decisions, limited    *prometheus.CounterVec
	lagRecords, lagSeconds, lagRetention                     *prometheus.GaugeVec
	laneDepth, laneOpen, laneParked, laneLimited             *prometheus.GaugeVec
	parked, pluginUp                                         *prometheus.GaugeVec
	breakerOpened, diverted                                  *prometheus.CounterVec
	breaker, laneRate, lanePaused                            *prometheus.GaugeVec
	limiterWait, intakeToOutcome, attemptSeconds             *prometheus.HistogramVec

	mu     sync.Mutex
	misses map[string]bool // guarded by mu: the fields that have a series
}

// maxNearMisses bounds the series of misspelt fields: producers choose those
// names.
const maxNearMisses = 64

// seconds are the buckets of every histogram: 1 ms to 1 h, growing by two to
// three times, at edges that people ask for.
var seconds = []float64{
	.001, .0025, .005, .01, .025, .05, .1, .25, .5,
	1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600,
}

// New registers all metrics at reg. It panics where one is registered there
// already, as prometheus.MustRegister does.
func New(reg prometheus.Registerer) *Metrics {
	m := &Metrics{reg: reg, misses: make(map[string]bool)}
	f := factory{reg}
	m.sends(f)
	m.intakeAndCommits(f)
	m.lanes(f)
	m.plugins(f)
	m.operators(f)
	m.Suppressions.register(f)
	return m
}

func (m *Metrics) sends(f factory) {
	m.outcomes = f.counters("outcomes_total", "Sends that ended, by channel, class and outcome. A send that ended before it was routed has the channel \"\".", "channel", "class", "outcome")
	m.progress = f.counters("progress_total", "Progress events, by channel and status.", "channel", "status")
	m.Duplicates = f.counter("duplicates_total", "Sends whose id was seen within the dedupe window.")
	m.Redelivered = f.counter("redelivered_total", "Records that were read again and skipped: the engine had their send already.")
	m.MarketingOnUrgent = f.counter("marketing_on_urgent_total", "Marketing sends on the urgent topic.")
	m.orderWaits = f.counters("order_waits_total", "Sends that waited for the first of their ordering key as long as they may, by what followed: skip, once for the one that was passed over, or expire.", "then")
	m.parked = f.gauges("parked", "Sends that wait on disk for another attempt or for their time, by channel.", "channel")
	m.InDoubt = f.gauge("in_doubt", "Sends that are held until an operator decides, or their time has passed.")
	m.intakeToOutcome = f.histograms("intake_to_outcome_seconds", "Time from the record's timestamp to its outcome.", "channel", "class")
	m.Unacknowledged = f.gauge("unacknowledged_outcomes", "Outcomes that are produced and not acknowledged yet.")
	m.ProduceRetries = f.counter("produce_retries_total", "Produce requests that were made again.")
}

func (m *Metrics) intakeAndCommits(f factory) {
	m.intake = f.counters("intake_records_total", "Records read, by topic and format.", "topic", "format")
	m.invalid = f.counters("invalid_total", "Records that can't be a send, by reason code.", "code")
	m.nearMiss = f.counters("near_miss_fields_total", fmt.Sprintf("Unknown fields that look like a known one, by their name; past %d names as \"other\".", maxNearMisses), "field")
	m.forwarded = f.counters("forwarded_total", "Records that were on the wrong partition and forwarded to the right one, by topic.", "topic")
	m.lagRecords = f.gauges("lag_records", "Records behind the end of the partition.", "topic", "partition")
	m.lagSeconds = f.gauges("lag_seconds", "Age of the oldest record that is not done.", "topic", "partition")
	m.lagRetention = f.gauges("lag_retention_ratio", "Age of the oldest record that is not done, as a share of the topic's retention; at 1 records are lost.", "topic", "partition")
	m.Commits = f.counter("commits_total", "Offset commits that were made.")
	m.CommitErrors = f.counter("commit_errors_total", "Offset commits that were refused or failed.")
	m.ShardsOwned = f.gauge("shards_owned", "Shards that this node owns.")
	m.Rebalances = f.counter("rebalances_total", "Generations of the consumer group that this node joined.")
}

func (m *Metrics) lanes(f factory) {
	m.laneDepth = f.gauges("lane_depth", "Sends that wait in a lane, by priority (urgent, bulk).", "channel", "account", "priority")
	m.laneOpen = f.gauges("lane_open_attempts", "Attempts that are with the plugin.", "channel", "account")
	m.laneParked = f.gauges("lane_parked_ratio", "Sends that are parked for a lane, as a share of what it may have: bulk ones of engine.park_limit, past which sends.bulk is read no further, urgent ones of engine.park_hard_limit, past which they fail. Of the fullest shard.", "channel", "account", "priority")
	m.laneLimited = f.gauges("lane_limited", "Sends of the lane's depth that a limit beside the account's rate keeps, by its dimension (app, campaign, recipient, domain, calling_code).", "channel", "account", "limit")
	m.limited = f.counters("limited_total", "Times that such a limit sent a send back from the lane, to wait in its shard or on disk.", "channel", "account", "limit")
	m.limiterWait = f.histograms("limiter_wait_seconds", "How long the rate limit held an attempt.", "channel", "account")
	m.attempts = f.counters("attempts_total", "Attempts that were answered, by verdict.", "channel", "account", "verdict")
	m.attemptSeconds = f.histograms("attempt_seconds", "Time from the attempt's start to its verdict.", "channel", "account")
	m.retries = f.counters("retries_total", "Sends that were put back for another attempt, by reason.", "channel", "reason")
	m.laneRate = f.gauges("lane_rate", "Attempts a second that this node's part of the account may make now: its rate, less while it warms up or the provider throttles. 0 is no limit.", "channel", "account")
	m.lanePaused = f.gauges("lane_paused_until_timestamp_seconds", "Until when the provider wants to be left alone, as it last said; 0 where it never did.", "channel", "account")
	m.breaker = f.gauges("breaker_state", "The account's breaker on this node: 0 closed, 1 half-open (a probe is under way), 2 open (the account is left alone).", "channel", "account")
	m.breakerOpened = f.counters("breaker_opened_total", "How often the account came to be left alone, by reason (credential, provider). Probes that failed are not counted.", "channel", "account", "reason")
	m.diverted = f.counters("diverted_total", "Sends that were given to the account because another one, their recipient's own or the one that had them, is left alone.", "channel", "account")
	m.LateResults = f.counter("late_results_total", "Results of attempts that had been given up.")
}

func (m *Metrics) plugins(f factory) {
	m.pluginUp = f.gauges("plugin_up", "Whether the channel's plugin is running and healthy (1) or not (0).", "channel")
	m.pluginRestarts = f.counters("plugin_restarts_total", "Starts of the channel's plugin after its first.", "channel")
}

func (m *Metrics) operators(f factory) {
	m.decisions = f.counters("decisions_total", "What operators decided about sends in doubt, by decision (resend, drop) and by what became of it (done, late).", "decision", "result")
	m.ControlSkipped = f.counter("control_skipped_total", "Records of the topic control that this version can't go by, and passes over.")
}

// RegisterGauge adds a gauge of somebody else's, read at each scrape; value
// must be safe for concurrent use. name is the whole name: "carillon_...". It
// is an error where the name is taken.
func (m *Metrics) RegisterGauge(name, help string, value func() float64) error {
	g := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	if err := m.reg.Register(g); err != nil {
		return fmt.Errorf("register the metric %s: %w", name, err)
	}
	return nil
}
