package metrics

import (
	"regexp"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcome counts sends that ended. channel is "" for one that was not routed.
func (m *Metrics) Outcome(channel, class, outcome string) prometheus.Counter {
	return m.outcomes.WithLabelValues(channel, class, outcome)
}

// Progress counts progress events: "parked", "in_doubt".
func (m *Metrics) Progress(channel, status string) prometheus.Counter {
	return m.progress.WithLabelValues(channel, status)
}

// Invalid counts refused records by the code of their reason.
func (m *Metrics) Invalid(code string) prometheus.Counter { return m.invalid.WithLabelValues(code) }

// NearMiss counts unknown fields that look like a known one. Producers choose
// these names: past the first 64, or where one is no plain name, they count as
// "other".
func (m *Metrics) NearMiss(field string) prometheus.Counter {
	if !plainName.MatchString(field) {
		field = "other" // a label that is not UTF-8 would panic
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.misses[field] {
		if len(m.misses) >= maxNearMisses {
			return m.nearMiss.WithLabelValues("other")
		}
		m.misses[field] = true
	}
	return m.nearMiss.WithLabelValues(field)
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// Forwarded counts records forwarded to their right partition of topic.
func (m *Metrics) Forwarded(topic string) prometheus.Counter {
	return m.forwarded.WithLabelValues(topic)
}

// Intake counts records read. format is "json", "protobuf" or "cloudevents".
func (m *Metrics) Intake(topic, format string) prometheus.Counter {
	return m.intake.WithLabelValues(topic, format)
}

// Attempts counts answered attempts by verdict: "accepted", "failed".
func (m *Metrics) Attempts(channel, account, verdict string) prometheus.Counter {
	return m.attempts.WithLabelValues(channel, account, verdict)
}

// OrderWaits counts longest waits for another send of an ordering key, by what
// followed: skip or expire.
func (m *Metrics) OrderWaits(then string) prometheus.Counter {
	return m.orderWaits.WithLabelValues(then)
}

// Retries counts sends put back for another attempt. reason is the class of a
// status event's reason: "throttle", "network".
func (m *Metrics) Retries(channel, reason string) prometheus.Counter {
	return m.retries.WithLabelValues(channel, reason)
}

// Diverted counts sends given to an account because another one is left alone.
func (m *Metrics) Diverted(channel, account string) prometheus.Counter {
	return m.diverted.WithLabelValues(channel, account)
}

// Parked holds the channel's sends that wait on disk. All shards share it: use
// Add and Sub, never Set.
func (m *Metrics) Parked(channel string) prometheus.Gauge { return m.parked.WithLabelValues(channel) }

// IntakeToOutcome observes seconds from the record's timestamp to the
// acknowledged outcome.
func (m *Metrics) IntakeToOutcome(channel, class string) prometheus.Observer {
	return m.intakeToOutcome.WithLabelValues(channel, class)
}

// PluginUp is 1 while the channel's plugin is healthy, else 0.
func (m *Metrics) PluginUp(channel string) prometheus.Gauge {
	return m.pluginUp.WithLabelValues(channel)
}

// PluginRestarts counts starts of the channel's plugin after its first.
func (m *Metrics) PluginRestarts(channel string) prometheus.Counter {
	return m.pluginRestarts.WithLabelValues(channel)
}

// Lag is how far a partition is behind.
type Lag struct {
	// Records behind the end of the partition.
	Records prometheus.Gauge
	// Seconds is the age of the oldest record that is not done.
	Seconds prometheus.Gauge
	// Retention is that age as a share of the topic's retention.
	Retention prometheus.Gauge
}

// Lag returns the gauges of one partition that this node owns.
func (m *Metrics) Lag(topic string, partition int32) Lag {
	p := strconv.Itoa(int(partition))
	return Lag{
		Records:   m.lagRecords.WithLabelValues(topic, p),
		Seconds:   m.lagSeconds.WithLabelValues(topic, p),
		Retention: m.lagRetention.WithLabelValues(topic, p),
	}
}

// DropLag removes the gauges of a partition that this node gave up: left alone
// they would show its last lag for ever.
func (m *Metrics) DropLag(topic string, partition int32) {
	p := strconv.Itoa(int(partition))
	m.lagRecords.DeleteLabelValues(topic, p)
	m.lagSeconds.DeleteLabelValues(topic, p)
	m.lagRetention.DeleteLabelValues(topic, p)
}

// Lane is what one channel account shows.
type Lane struct {
	// UrgentDepth and BulkDepth hold the sends that wait.
	UrgentDepth, BulkDepth prometheus.Gauge
	// UrgentParked and BulkParked hold what is parked as a share of what may be.
	UrgentParked, BulkParked prometheus.Gauge
	// Open holds the attempts that are with the plugin.
	Open prometheus.Gauge
	// Rate holds the node's rate in force, PausedUntil a Unix time in seconds.
	Rate, PausedUntil prometheus.Gauge
	// Breaker holds the state of the account's breaker: 0 closed, 1 half-open, 2 open.
	Breaker prometheus.Gauge
	// LimiterWait observes the seconds that the rate limit held an attempt.
	LimiterWait prometheus.Observer
	// Attempt observes the seconds from an attempt's start to its verdict.
	Attempt prometheus.Observer
}

// Lane returns the series of one channel account.
func (m *Metrics) Lane(channel, account string) Lane {
	return Lane{
		UrgentDepth:  m.laneDepth.WithLabelValues(channel, account, "urgent"),
		BulkDepth:    m.laneDepth.WithLabelValues(channel, account, "bulk"),
		UrgentParked: m.laneParked.WithLabelValues(channel, account, "urgent"),
		BulkParked:   m.laneParked.WithLabelValues(channel, account, "bulk"),
		Open:         m.laneOpen.WithLabelValues(channel, account),
		LimiterWait:  m.limiterWait.WithLabelValues(channel, account),
		Attempt:      m.attemptSeconds.WithLabelValues(channel, account),
		Rate:         m.laneRate.WithLabelValues(channel, account),
		PausedUntil:  m.lanePaused.WithLabelValues(channel, account),
		Breaker:      m.breaker.WithLabelValues(channel, account),
	}
}

// LaneLimited holds the sends of a lane that a limit keeps, and Limited counts those
// that one sent back. limit is its dimension: "app", "domain".
func (m *Metrics) LaneLimited(channel, account, limit string) prometheus.Gauge {
	return m.laneLimited.WithLabelValues(channel, account, limit)
}

// Limited: see LaneLimited.
func (m *Metrics) Limited(channel, account, limit string) prometheus.Counter {
	return m.limited.WithLabelValues(channel, account, limit)
}

// BreakerOpened counts how often an account came to be left alone. reason is
// "credential" or "provider".
func (m *Metrics) BreakerOpened(channel, account, reason string) prometheus.Counter {
	return m.breakerOpened.WithLabelValues(channel, account, reason)
}

// Decisions counts what operators decided about sends in doubt. decision is
// "resend" or "drop", result "done" or "late".
func (m *Metrics) Decisions(decision, result string) prometheus.Counter {
	return m.decisions.WithLabelValues(decision, result)
}
