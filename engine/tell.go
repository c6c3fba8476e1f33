package engine

import (
	"maps"
	"math"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/limit"
	"github.com/carillonhq/carillon/engine/shard"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// What a node tells an operator who asks, besides what its shards say. It is the
// figures of /metrics, so that the two never differ.

// tell fills in a reply how the node is, and each of its lanes.
func (e *Engine) tell(_ *controlv1.Query, r *controlv1.Reply) {
	now, parked, figures := time.Now(), e.parked(), e.figures()
	for _, channel := range slices.Sorted(maps.Keys(e.lanes.channels)) {
		for _, w := range e.lanes.channels[channel].ways {
			r.Lanes = append(r.Lanes, e.laneState(w, parked, now))
		}
	}
	figures.each("carillon_attempts_total", func(labels map[string]string, n float64) {
		for _, l := range r.Lanes {
			if l.Channel != labels["channel"] || l.Account != labels["account"] {
				continue
			}
			l.Attempts += int64(n)
			if labels["verdict"] == "throttled" {
				l.Throttled += int64(n)
			}
		}
	})
	r.State = e.nodeState(parked, figures)
}

func (e *Engine) laneState(w *way, parked parkedSends, now time.Time) *controlv1.LaneState {
	channel, account := w.lane.Name()
	f := w.lane.Figures(now)
	bulk, urgent := e.parkBounds()
	name := func(bulk bool) string { return shard.LaneName(channel, account, bulk) }
	limited := map[string]int64{}
	for d, n := range f.Limited {
		if n > 0 {
			limited[limit.Dimension(d).String()] = int64(n)
		}
	}
	health, breaker := w.lane.Health(), ""
	if health.State != lane.Closed {
		breaker = health.State.String()
	}
	return &controlv1.LaneState{
		Channel: channel, Account: account, Apps: w.apps, PluginUp: e.plugins[channel].State().Up,
		Urgent: int64(f.Urgent), Bulk: int64(f.Bulk), Open: int64(f.Open), Credits: int64(f.Credits),
		Rate: f.Account, Share: f.Share, RateNow: f.Rate, Lowered: f.Lowered, PausedUntilMs: unixMilli(f.Paused), Lapsed: f.Lapsed,
		ParkedUrgent: int64(parked.lanes[name(false)]), ParkedBulk: int64(parked.lanes[name(true)]),
		Limited: limited, PausedBy: e.pausedBy(channel, account),
		Breaker: breaker, BreakerReason: health.Class, BreakerUntilMs: unixMilli(health.Until),
		ParkedShare: max(float64(parked.fullest[name(false)])/float64(urgent), float64(parked.fullest[name(true)])/float64(bulk)),
	}
}

// pausedBy returns the operator who has paused an account, "" for nobody.
func (e *Engine) pausedBy(channel, account string) string {
	for _, r := range e.operator.Records() {
		if p := r.GetPause(); p != nil && !p.Over && p.Channel == channel && (p.Account == "" || p.Account == account) {
			return r.By
		}
	}
	return ""
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func (e *Engine) nodeState(parked parkedSends, figures gathered) *controlv1.NodeState {
	s := &controlv1.NodeState{
		StartedMs: int64(figures.sum("process_start_time_seconds") * 1000), Faults: e.faults(),
		Shards: int64(figures.sum("carillon_shards_owned")), MemoryBytes: int64(figures.sum("process_resident_memory_bytes")),
		InDoubt: int64(parked.inDoubt), Unacknowledged: int64(figures.sum("carillon_unacknowledged_outcomes")),
		Read: int64(figures.sum("carillon_intake_records_total")), Rebalances: int64(figures.sum("carillon_rebalances_total")),
		Outcomes: map[string]int64{},
	}
	for _, n := range parked.channels {
		s.Parked += int64(n)
	}
	figures.each("carillon_outcomes_total", func(labels map[string]string, n float64) { s.Outcomes[labels["outcome"]] += int64(n) })
	bulk := e.cfg.Topic("sends.bulk")
	figures.each("carillon_lag_seconds", func(labels map[string]string, n float64) {
		if labels["topic"] == bulk {
			s.BulkLagMs = max(s.BulkLagMs, int64(n*1000))
		} else {
			s.UrgentLagMs = max(s.UrgentLagMs, int64(n*1000))
		}
	})
	figures.each("carillon_lag_records", func(labels map[string]string, n float64) {
		if labels["topic"] == bulk {
			s.BulkUnread += int64(n)
		} else {
			s.UrgentUnread += int64(n)
		}
	})
	for _, name := range slices.Sorted(maps.Keys(e.plugins)) {
		st := e.plugins[name].State()
		s.Plugins = append(s.Plugins, &controlv1.PluginState{Channel: name, Up: st.Up, Restarts: int64(st.Restarts)})
	}
	return s
}

// gathered is what /metrics shows, by name.
type gathered map[string]*dto.MetricFamily

func (e *Engine) figures() gathered {
	families, _ := e.reg.Gather() // what could be had: a figure that lacks is 0
	all := gathered{}
	for _, f := range families {
		all[f.GetName()] = f
	}
	return all
}

// each calls f with the series of a counter or gauge.
func (g gathered) each(name string, f func(labels map[string]string, value float64)) {
	for _, m := range g[name].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		f(labels, m.GetCounter().GetValue()+m.GetGauge().GetValue())
	}
}

func (g gathered) sum(name string) (total float64) {
	g.each(name, func(_ map[string]string, n float64) {
		if !math.IsNaN(n) {
			total += n
		}
	})
	return total
}
