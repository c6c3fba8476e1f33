package main

import (
	"context"
	"errors"
	"time"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
)

// scanPartition hands over the records that a partition has now, from a time
// on; zero is from its beginning.
func scanPartition(ctx context.Context, client *kafka.Client, p kafka.Partition, since time.Time, each func(*kafka.Record) error) error {
	t := intake.Tailer{Client: client}
	from := int64(-1)
	if !since.IsZero() {
		var err error
		if from, err = t.Since(ctx, p, since); err != nil {
			return err
		}
	}
	_, err := t.Tail(ctx, p, from, each)
	return err
}

// errEnough is what each returns when follow has nothing left to look for.
var errEnough = errors.New("enough")

// follow hands over the records of a partition from an offset on, as they come,
// until each returns errEnough or ctx ends.
func follow(ctx context.Context, client *kafka.Client, p kafka.Partition, from int64, each func(*kafka.Record) error) error {
	const wait, most = 500 * time.Millisecond, 4 << 20
	for {
		got, err := client.Fetch(ctx, []kafka.FetchPartition{{Partition: p, Offset: from, MaxBytes: most}}, 1, most, wait)
		if err == nil {
			err = got[0].Err
		}
		if err == nil {
			err = got[0].Records(each)
			from = max(from, got[0].Next())
		}
		switch {
		case errors.Is(err, errEnough):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !kafka.Retriable(err):
			return err
		case err != nil: // a broker that moved or restarts
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

// fetchOne returns the record at a place, nil where there is none.
func fetchOne(ctx context.Context, client *kafka.Client, at place) (*kafka.Record, error) {
	ends, err := client.Offsets(ctx, []kafka.Partition{at.Partition}, kafka.Latest)
	if err != nil || at.Offset >= ends[at.Partition] {
		return nil, err
	}
	first, err := client.Offsets(ctx, []kafka.Partition{at.Partition}, kafka.Earliest)
	if err != nil || at.Offset < first[at.Partition] {
		return nil, err
	}
	var found *kafka.Record
	err = follow(ctx, client, at.Partition, at.Offset, func(r *kafka.Record) error {
		if r.Offset == at.Offset {
			rec := *r
			found = &rec
		}
		return errEnough
	})
	return found, err
}
