package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/limit"
	"github.com/carillonhq/carillon/engine/metrics"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// shardObserver counts for one shard. It keeps the series it has asked for:
// looking one up costs more than adding to it.
type shardObserver struct {
	m        *metrics.Metrics
	outcomes map[outcomeLabels]outcomeSeries
}

type outcomeLabels struct {
	channel string
	class   carillonv1.Class
	state   carillonv1.State
}

type outcomeSeries struct {
	count prometheus.Counter
	took  prometheus.Observer
}

func newShardObserver(m *metrics.Metrics) *shardObserver {
	return &shardObserver{m: m, outcomes: map[outcomeLabels]outcomeSeries{}}
}

func (o *shardObserver) Settled(channel string, class carillonv1.Class, s carillonv1.State, took time.Duration) {
	k := outcomeLabels{channel, class, s}
	series, ok := o.outcomes[k]
	if !ok {
		series = outcomeSeries{
			o.m.Outcome(channel, send.ClassName(class), send.StateName(s)),
			o.m.IntakeToOutcome(channel, send.ClassName(class)),
		}
		o.outcomes[k] = series
	}
	series.count.Inc()
	series.took.Observe(took.Seconds())
	if s == carillonv1.State_STATE_DUPLICATE {
		o.m.Duplicates.Inc()
	}
}

func (o *shardObserver) Progress(channel string, s carillonv1.State, why string) {
	o.m.Progress(channel, send.StateName(s)).Inc()
	o.m.Retries(channel, why).Inc()
}

func (o *shardObserver) Invalid(code string)    { o.m.Invalid(code).Inc() }
func (o *shardObserver) Forwarded(topic string) { o.m.Forwarded(topic).Inc() }
func (o *shardObserver) Redelivered()           { o.m.Redelivered.Inc() }
func (o *shardObserver) MarketingOnUrgent()     { o.m.MarketingOnUrgent.Inc() }
func (o *shardObserver) Suppressed(code string) { o.m.Suppressions.Hits(code).Inc() }
func (o *shardObserver) OrderWait(then string)  { o.m.OrderWaits(then).Inc() }
func (o *shardObserver) Diverted(channel, account string) {
	o.m.Diverted(channel, account).Inc()
}

// readerObserver counts for all readers.
type readerObserver struct{ m *metrics.Metrics }

func (o readerObserver) Read(topic string, records int, f send.Format) {
	o.m.Intake(topic, f.String()).Add(float64(records))
}
func (o readerObserver) NearMiss(field string) { o.m.NearMiss(field).Inc() }

// laneObserver counts for one lane.
type laneObserver struct {
	m        *metrics.Metrics
	series   metrics.Lane
	verdicts map[channelv1.Verdict]prometheus.Counter
	lost     prometheus.Counter
	limited  [limit.Dimensions]prometheus.Counter
	account  [2]string
	state    lane.State
}

func newLaneObserver(m *metrics.Metrics, channel, account string) *laneObserver {
	o := &laneObserver{m: m, account: [2]string{channel, account}, series: m.Lane(channel, account), verdicts: map[channelv1.Verdict]prometheus.Counter{}}
	for v, name := range map[channelv1.Verdict]string{
		channelv1.Verdict_VERDICT_UNSPECIFIED: "unknown", channelv1.Verdict_VERDICT_UNKNOWN: "unknown",
		channelv1.Verdict_VERDICT_ACCEPTED: "accepted", channelv1.Verdict_VERDICT_DELIVERED: "delivered",
		channelv1.Verdict_VERDICT_REJECTED: "rejected", channelv1.Verdict_VERDICT_THROTTLED: "throttled",
		channelv1.Verdict_VERDICT_FAILED: "failed",
	} {
		o.verdicts[v] = m.Attempts(channel, account, name)
	}
	o.lost = m.Attempts(channel, account, "lost")
	for d := limit.App; d < limit.Dimensions; d++ {
		o.limited[d] = m.Limited(channel, account, d.String())
	}
	return o
}

func (o *laneObserver) Waited(d time.Duration)    { o.series.LimiterWait.Observe(d.Seconds()) }
func (o *laneObserver) Limited(d limit.Dimension) { o.limited[d].Inc() }
func (o *laneObserver) Late()                     { o.m.LateResults.Inc() }

// Breaker is called under the lane's lock.
func (o *laneObserver) Breaker(h lane.Health) {
	o.series.Breaker.Set(float64(h.State))
	if h.State == lane.Open && o.state == lane.Closed {
		o.m.BreakerOpened(o.account[0], o.account[1], h.Class).Inc()
	}
	o.state = h.State
}

func (o *laneObserver) Answered(r lane.Result, took time.Duration) {
	o.series.Attempt.Observe(took.Seconds())
	if r.Outcome == lane.Lost {
		o.lost.Inc()
		return
	}
	if c, ok := o.verdicts[r.Verdict.Verdict]; ok {
		c.Inc()
	}
}
