package engine

import (
	"errors"
	"math"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/shard"
)

// parkedSends is what waits on disk, of all shards of the node.
type parkedSends struct {
	channels map[string]int // with 0 for those without any
	lanes    map[string]int // by shard.LaneName
	fullest  map[string]int // the same, of the shard that has the most: each stops by itself
	inDoubt  int
}

func (e *Engine) parked() parkedSends {
	all := parkedSends{map[string]int{}, map[string]int{}, map[string]int{}, 0}
	for name := range e.cfg.Channels {
		all.channels[name] = 0
	}
	for _, s := range e.owned.all() {
		p := s.Parked()
		all.inDoubt += p.InDoubt
		for channel, n := range p.ByChannel {
			all.channels[channel] += n
		}
		for line, n := range p.ByLane {
			all.lanes[line] += n
			all.fullest[line] = max(all.fullest[line], n)
		}
	}
	return all
}

// watchParked shows it.
func (e *Engine) watchParked() {
	parked := e.parked()
	for channel, n := range parked.channels {
		e.metrics.Parked(channel).Set(float64(n))
	}
	e.metrics.InDoubt.Set(float64(parked.inDoubt))
	bulk, urgent := e.parkBounds()
	e.lanes.each(func(l *lane.Lane) {
		channel, account := l.Name()
		series := e.metrics.Lane(channel, account)
		series.BulkParked.Set(float64(parked.fullest[shard.LaneName(channel, account, true)]) / float64(bulk))
		series.UrgentParked.Set(float64(parked.fullest[shard.LaneName(channel, account, false)]) / float64(urgent))
	})
}

// parkBounds is how many sends of a lane each shard parks: bulk ones, past which
// it reads no more of them, and urgent ones, past which they fail.
func (e *Engine) parkBounds() (bulk, urgent int) {
	c, n := e.cfg.Engine, e.cfg.Kafka.Topics.Partitions
	return max(1, c.ParkLimit/n), max(1, c.ParkHardLimit/n)
}

// ownSeries are read at each scrape. docs/metrics.md has them by hand.
var ownSeries = []struct {
	name, help string
	value      func(*Engine) float64
}{
	{"carillon_ready", "Whether /readyz answers 200 (1) or not (0).", func(e *Engine) float64 {
		if len(e.faults()) > 0 {
			return 0
		}
		return 1
	}},
	{"carillon_suppressions", "Suppressions that the node has in memory: all that the cluster knows.", func(e *Engine) float64 {
		all, _ := e.suppressed.Len()
		return float64(all)
	}},
	{"carillon_suppressions_foreign", "Those of them that are under another key than this node's, and so hold nobody.", func(e *Engine) float64 {
		_, foreign := e.suppressed.Len()
		return float64(foreign)
	}},
	{"carillon_suppressions_lag_records", "Records of the topic suppressions that the node has not read yet.", func(e *Engine) float64 {
		return float64(e.suppressed.Behind())
	}},
	{"carillon_shards", "Shards that there are, of all nodes.", func(e *Engine) float64 { return float64(e.cfg.Kafka.Topics.Partitions) }},
	{"carillon_standby_shards", "Shards of other nodes that are followed.", func(e *Engine) float64 { return float64(e.standby.warm()) }},
	{"carillon_partitions_stopped", "Own input partitions that are quarantined or can't be read any further.", func(e *Engine) float64 { return float64(e.health.count(quarantined)) }},
	{"carillon_dedupe_ids", "Ids that the node remembers: of the dedupe window, and of what is in flight or parked.", func(e *Engine) float64 { return float64(e.indexed.IDs()) }},
	{"carillon_dedupe_bytes", "Memory that those ids take. It is not part of the Go heap.", func(e *Engine) float64 { return float64(e.indexed.Bytes()) }},
	{"carillon_cap_bytes", "Memory of what has gone to recipients, for frequency caps. It is not part of the Go heap.", func(e *Engine) float64 { return float64(e.counted.Bytes()) }},
	{"carillon_data_free_bytes", "Free space of the disk that the data directory is on.", func(e *Engine) float64 {
		free, _, err := e.ledger.Free()
		if err != nil {
			return math.NaN() // nothing is known, so nothing is low
		}
		return float64(free)
	}},
	{"carillon_data_min_free_bytes", "Free space below which the node begins nothing (data_min_free).", func(e *Engine) float64 { return float64(e.cfg.DataMinFree) }},
}

// ledgerSeries are Pebble's figures. docs/metrics.md has them by hand, too.
var ledgerSeries = []struct {
	name, help string
	value      func(ledger.Stats) float64
}{
	{"carillon_ledger_disk_bytes", "Disk space that the ledger uses.", func(s ledger.Stats) float64 { return float64(s.DiskBytes) }},
	{"carillon_ledger_memtable_bytes", "Memory in the ledger's memtables.", func(s ledger.Stats) float64 { return float64(s.MemTableBytes) }},
	{"carillon_ledger_compaction_debt_bytes", "Bytes that the ledger has yet to compact.", func(s ledger.Stats) float64 { return float64(s.CompactionDebt) }},
	{"carillon_ledger_read_amplification", "Places that a read of the ledger may have to look in.", func(s ledger.Stats) float64 { return float64(s.ReadAmplification) }},
}

// registerGauges is for what is open: it is asked at each scrape.
func (e *Engine) registerGauges() error {
	var all error
	for _, m := range ledgerSeries {
		all = errors.Join(all, e.metrics.RegisterGauge(m.name, m.help, func() float64 { return m.value(e.ledger.Stats()) }))
	}
	for _, m := range ownSeries {
		all = errors.Join(all, e.metrics.RegisterGauge(m.name, m.help, func() float64 { return m.value(e) }))
	}
	return all
}
