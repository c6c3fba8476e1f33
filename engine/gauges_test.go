package engine

import (
	"maps"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/shard"
)

// rows is a ledger that has nothing but so many rows in each queue.
type rows struct {
	shard.Ledger
	queues map[string]int
}

func (r rows) Queues(each func(queue string, rows int, next int64)) {
	for queue, n := range r.queues {
		each(queue, n, 0)
	}
}

// What is parked counts by channel, what is held by itself; and a lane is as full
// as its fullest shard, where only those count that its bound is about.
func TestParkedGauges(t *testing.T) {
	cfg := &config.Config{Channels: map[string]config.Channel{"sms": {}, "email": {}}}
	cfg.Kafka.Topics.Partitions, cfg.Engine.ParkLimit, cfg.Engine.ParkHardLimit = 2, 20, 80 // 10 and 40 a shard
	e := New(cfg, zerolog.Nop())
	e.lanes = newLanes()
	e.lanes.add("sms", []string{"*"}, lane.New(lane.Config{Channel: "sms", Account: "main"}, nil, nil, zerolog.Nop(), time.Now()))
	for id, queues := range []map[string]int{
		{"sms/main/bulk": 5, "sms/main/bulk/ordered": 3, "sms/main/bulk/time": 100, "sms/main/bulk/paused": 9, "held": 2, "open": 50},
		{"sms/main/bulk": 4, "sms/main/urgent": 10, "sms/main/urgent/time/ordered": 7, "held/ordered": 1, "time": 1},
	} {
		s := shard.New(shard.Config{}, shard.Env{Ledger: rows{queues: queues}, Now: time.Now}, [2]map[int64]bool{})
		e.owned.set(int32(id), &ownedShard{Shard: s})
	}
	e.watchParked()
	want := map[string]float64{
		"carillon_parked/sms": 31, "carillon_parked/email": 0, "carillon_parked/": 111, "carillon_in_doubt": 3,
		"carillon_lane_parked_ratio/main/sms/bulk": .8, "carillon_lane_parked_ratio/main/sms/urgent": .25,
	}
	if got := gauges(t, e, want); !maps.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

// gauges returns the gauges of the metrics that are wanted, by name and labels.
func gauges(t *testing.T, e *Engine, wanted map[string]float64) map[string]float64 {
	t.Helper()
	families, err := e.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "/" + l.GetValue()
			}
			if _, ok := wanted[name]; ok && f.GetType() == dto.MetricType_GAUGE {
				all[name] = m.GetGauge().GetValue()
			}
		}
	}
	return all
}
