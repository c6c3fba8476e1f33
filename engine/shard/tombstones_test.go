package shard

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/carillonhq/carillon/engine/kafka"
)

// answering is an Outcomes that answers at once, or never where it has no answer.
type answering struct {
	to      kafka.Partition
	records []kafka.Record
	answer  *error
}

func (a *answering) Produce(p kafka.Partition, records []kafka.Record, done func(int64, error)) {
	a.to, a.records = p, append(a.records, records...)
	if a.answer != nil {
		go done(0, *a.answer)
	}
}

// A row that is dead and stays in `ledger` comes to life again when the outcome
// of its send is too old to be read. So what a crash kept from being written is
// written before the shard runs, and Kafka's word for it is waited for.
func TestTombstones(t *testing.T) {
	refused := errors.New("refused")
	var fine error
	over, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		keys   []string
		answer *error
		want   error
	}{
		{"acknowledged", t.Context(), []string{"a", "b"}, &fine, nil},
		{"refused: the shard must not run", t.Context(), []string{"a"}, &refused, refused},
		{"not answered while there was time", over, []string{"a"}, nil, context.Canceled},
		{"none is owed, and none is waited for", t.Context(), nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := &answering{answer: c.answer}
			var keys [][]byte
			for _, k := range c.keys {
				keys = append(keys, []byte(k))
			}
			p := kafka.Partition{Topic: "ledger", Index: 3}
			if err := Tombstones(c.ctx, out, p, keys); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			var written []string
			for _, r := range out.records {
				if r.Value != nil {
					t.Errorf("%s has a value: it is no tombstone", r.Key)
				}
				written = append(written, string(r.Key))
			}
			if !slices.Equal(written, c.keys) || len(c.keys) > 0 && out.to != p {
				t.Errorf("wrote %v to %v, want %v", written, out.to, c.keys)
			}
		})
	}
}
