package rig_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/rig/rigtest"
	"github.com/carillonhq/carillon/plugins/sink"
)

func TestMain(m *testing.M) { rigtest.Main(m, nil) }

// Two rounds over the same sends: each has all of them, and nothing of the
// other.
func TestRounds(t *testing.T) {
	const n = 500
	ctx := t.Context()
	r, err := rig.Open(ctx, rig.Options{Dir: t.TempDir(), Command: rigtest.Command(t), Broker: rig.Embedded, Partitions: 4, Extra: []string{"copies"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	record := func(i int) *kgo.Record {
		return &kgo.Record{Topic: r.Topic("sends"), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil,
			`{"id":"%d","app":"a","to":{"id":"%d"},"channels":["sink"],"content":{"title":"T","body":"B"}}`, i, i)}
	}
	if err := r.Publish(ctx, n, record, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		round, err := r.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		node, err := round.Start(ctx, "node-0", func(c rig.Config) { c.Set(100, "engine", "window") })
		if err != nil {
			t.Fatal(err)
		}
		processes, err := round.Processes()
		if err != nil {
			t.Fatal(err)
		}
		written := rig.Gauge{Name: "outcomes", Unit: "1/s", Rate: true, Read: func() (float64, error) {
			got, err := r.Written(ctx, r.Topic("status"))
			return float64(got), err
		}}
		meter, err := rig.Measure(5*time.Millisecond, processes, written)
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			said, err := node.Metrics(ctx)
			if err == nil && said.Sum("carillon_outcomes_total") == n {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v of %d outcomes, %v", said.Sum("carillon_outcomes_total"), n, err)
			}
		}
		m := meter.Stop()
		if process.Measurable {
			if len(processes) != 3 || m.Roles["engine"].Peak == 0 || m.Roles["plugin"].Peak == 0 || m.Roles["broker"].Peak == 0 || len(m.Gone) > 0 {
				t.Errorf("of %v was measured: %+v", processes, m)
			}
		}
		if err := round.Close(); err != nil {
			t.Error(err)
		}
		entries, err := sink.ReadLedger(round.Ledgers()[0])
		if err != nil || len(entries) != n {
			t.Errorf("%d attempts in the ledger, %v, want %d", len(entries), err, n)
		}
	}
}

func TestCheckBroker(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		good       bool
	}{
		{"the fake", "embedded", true},
		{"Apache Kafka", "kafka", true},
		{"one that runs", "localhost:9092", true},
		{"nothing", "", false},
		{"no port", "localhost", false},
		{"no host", ":9092", false},
		{"another kind", "redpanda", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := rig.CheckBroker(c.kind); (err == nil) != c.good {
				t.Errorf("%q: %v", c.kind, err)
			}
		})
	}
}
