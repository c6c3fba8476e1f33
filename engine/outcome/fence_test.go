package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/outcome"
)

// An older owner's records end with ErrFenced once a younger one has claimed
// the partition, those that wait included; what it does not own goes on.
func TestFenced(t *testing.T) {
	b := newBench(t, outcome.Config{})
	owned := kafka.Partition{Topic: topic, Index: 1}
	claim := func() *outcome.Producer {
		id, err := b.client.Claim(t.Context(), "owner", []kafka.Partition{owned})
		if err != nil {
			t.Fatal(err)
		}
		p := outcome.New(b.client, outcome.Config{Owned: map[kafka.Partition]kafka.ProducerID{owned: id}}, zerolog.Nop())
		t.Cleanup(func() { _ = p.Close(context.Background()) })
		return p
	}
	older := claim()
	write := func(p *outcome.Producer, index int32, value string) error {
		done := make(chan error, 1)
		p.Produce(kafka.Partition{Topic: topic, Index: index}, []kafka.Record{{Value: []byte(value)}},
			func(_ int64, err error) { done <- err })
		return <-done
	}
	if err := write(older, 1, "1-0"); err != nil {
		t.Fatal(err)
	}
	younger := claim()
	for range 3 {
		if err := write(older, 1, "late"); !errors.Is(err, outcome.ErrFenced) {
			t.Errorf("the older owner's write: %v, want ErrFenced", err)
		}
	}
	if err := write(older, 2, "2-0"); err != nil {
		t.Errorf("a partition that nobody owns: %v", err)
	}
	for i := range 3 {
		if err := write(younger, 1, fmt.Sprintf("1-%d", i+1)); err != nil {
			t.Errorf("the younger owner's write: %v", err)
		}
	}
	answers, err := b.client.Fetch(t.Context(), []kafka.FetchPartition{{Partition: owned, MaxBytes: 1 << 20}}, 1, 1<<20, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var stored []string
	if err := answers[0].Records(func(r *kafka.Record) error { stored = append(stored, string(r.Value)); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(stored); got != "[1-0 1-1 1-2 1-3]" {
		t.Errorf("stored %s", got)
	}
}
