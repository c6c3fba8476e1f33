package shard

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
)

// fencedOutcomes refuses every write, as Kafka does once another node owns the
// shard.
type fencedOutcomes struct{}

func (fencedOutcomes) Produce(_ kafka.Partition, _ []kafka.Record, done func(int64, error)) {
	go done(-1, errors.New("fenced"))
}

// A shard whose writes are refused takes back what waits in its lanes: it is
// another node's now.
func TestFailedShardWithdraws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrace(t)
		tr.shard.env.Outcomes = fencedOutcomes{}
		urgent := make(chan intake.Chunk, 1)
		tr.shard.turn(tr.now)
		tr.commit()
		tr.admit("admit", []string{"m1"})
		tr.admit("admit", []string{"m2", "ch="}) // ends at once, and its outcome is refused
		in := &tr.shard.inputs[intake.Urgent]
		urgent <- intake.Chunk{Items: in.held, Next: in.next}
		in.held = nil
		running, stop := context.WithCancel(t.Context())
		defer stop()
		err := tr.shard.Run(running, running, urgent, nil)
		if err == nil {
			t.Fatal("the shard went on")
		}
		if !tr.lanes["sms"].withdrawn {
			t.Error("m1 was left in its lane")
		}
	})
}
