package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// Tailer reads partitions to their present end, for restoring.
type Tailer struct{ Client *kafka.Client }

// Since returns the offset of the first record that is not older than t.
func (t Tailer) Since(ctx context.Context, p kafka.Partition, at time.Time) (int64, error) {
	m, err := t.Client.Offsets(ctx, []kafka.Partition{p}, at)
	return m[p], err
}

// Tail reads p from an offset (-1: the beginning) to the end it has when the
// reading begins, and returns the offset behind the last record. Where the log
// no longer reaches back to from, it starts at what is left.
func (t Tailer) Tail(ctx context.Context, p kafka.Partition, from int64, each func(*kafka.Record) error) (int64, error) {
	first, err := t.Since(ctx, p, kafka.Earliest)
	if err != nil {
		return from, err
	}
	end, err := t.Since(ctx, p, kafka.Latest)
	if err != nil {
		return from, err
	}
	next := max(from, first)
	if next > end {
		return from, fmt.Errorf("%s ends at %d, and was read up to %d before: was the topic made anew? "+
			"then delete the data directory, which follows it", p, end, from)
	}
	for next < end {
		got, err := t.Client.Fetch(ctx, []kafka.FetchPartition{{Partition: p, Offset: next, MaxBytes: 4 << 20}}, 1, 8<<20, pollLong)
		if err == nil {
			err = got[0].Err
		}
		switch {
		case err == nil:
			// What stops the reading here is no fault that passes.
			if err := got[0].Records(each); err != nil {
				return max(next, got[0].Next()), err
			}
			next = max(next, got[0].Next())
			if fault.Mutant(fault.TailStopsEarly) {
				return next, nil
			}
		case ctx.Err() != nil:
			return next, ctx.Err()
		case errors.Is(err, kafkago.OffsetOutOfRange):
			if next, err = t.Since(ctx, p, kafka.Earliest); err != nil {
				return next, err
			}
		case !kafka.Retriable(err):
			return next, err
		default:
			pause(ctx, 200*time.Millisecond)
		}
	}
	return next, nil
}
