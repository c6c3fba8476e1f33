package bench

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/rig"
)

// BenchmarkRestore is how long a node takes from its start until it runs all
// shards, when they hold the ids of so many sends: from its own disk, and from
// Kafka alone, on a new one. All of a start is in it, some tenths of a second.
func BenchmarkRestore(b *testing.B) {
	r := restore(b, *sends)
	b.Log(r)
	n := float64(*sends)
	b.ReportMetric(0, "ns/op") // says nothing here: hide it
	b.ReportMetric(n/r.disk.Seconds(), "keys/s-disk")
	b.ReportMetric(n/r.kafka.Seconds(), "keys/s-kafka")
	b.ReportMetric(1e6/n*r.disk.Seconds(), "s/million-disk")
	b.ReportMetric(1e6/n*r.kafka.Seconds(), "s/million-kafka")
}

// Only that it does what it measures.
func TestRestoreSmoke(t *testing.T) { t.Log(restore(t, 2000)) }

// restored are times from a node's start until it is ready.
type restored struct{ disk, kafka time.Duration }

func (r restored) String() string {
	return fmt.Sprintf("ready after %v from its disk, %v from Kafka alone", r.disk, r.kafka)
}

func restore(t testing.TB, sends int) (took restored) {
	t.Helper()
	s := newStage(t, sends)
	_, node, err := s.round(t.Context(), nil)
	if err == nil {
		took.disk, err = startup(t.Context(), node)
	}
	if err == nil {
		err = os.RemoveAll(node.Data)
	}
	if err == nil {
		took.kafka, err = startup(t.Context(), node)
	}
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// startup starts a node, and stops it as soon as it is ready.
func startup(ctx context.Context, n *rig.Node) (time.Duration, error) {
	began := time.Now()
	if err := n.Start(); err != nil {
		return 0, err
	}
	if err := n.AwaitReady(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, n.Stop(time.Minute)
}
