//go:build integration

package outcome_test

import (
	"context"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/outcome"
)

// TestApacheKafka loses acknowledgements, then kills the broker under load and
// starts it again: everything is stored once and in order.
func TestApacheKafka(t *testing.T) {
	apache, err := broker.StartKafka(t.Context(), broker.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = apache.Close() }) // its data is temporary
	b := newBenchAt(t, outcome.Config{BatchBytes: 2000}, []string{apache.Addr()})
	if err := b.client.CreateTopics(context.Background(), []kafka.TopicSpec{{Name: topic, Partitions: 4, Replication: 1}}); err != nil {
		t.Fatal(err)
	}
	b.cut.Store(5)
	const n = 20_000
	b.sendNumbered(4, n)
	for b.producer.Stats().Records < n {
		time.Sleep(time.Millisecond)
	}
	if err := apache.Kill(); err != nil {
		t.Fatal(err)
	}
	if left, _ := b.producer.Unacknowledged(); left == 0 {
		t.Error("the broker was killed too late to show anything")
	}
	if err := apache.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.flush()
	b.storedInOrderOnce(4, n)
	t.Logf("%+v", b.producer.Stats())
}
