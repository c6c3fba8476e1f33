package shard

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// recount counts what went out before `to`, where the ledger does not know: on a new
// disk, after another version, or where other sends are capped than were. What comes
// behind is counted as the ledger follows it.
func (r *Restorer) recount(ctx context.Context, status kafka.Partition, to int64) error {
	if r.Config.Caps == nil || r.Ledger.Counted() >= 0 {
		return nil
	}
	if err := r.Ledger.Recount(); err != nil {
		return err
	}
	from, err := r.Reader.Since(ctx, status, r.Now.Add(-r.Config.Caps.Longest))
	if err != nil {
		return fmt.Errorf("find the longest cap's window in %s: %w", status, err)
	}
	if from < to && !fault.Mutant(fault.CapNotRestored) {
		_, err = r.Reader.Tail(ctx, status, from, func(rec *kafka.Record) error {
			if rec.Offset >= to {
				return errFound
			}
			if e, err := send.ParseStatus(rec.Value, rec.Headers); err == nil {
				return r.count(rec.Offset, e)
			}
			return nil // not ours
		})
		if err != nil && !errors.Is(err, errFound) {
			return fmt.Errorf("count what went out by %s: %w", status, err)
		}
	}
	if err := r.apply(); err != nil {
		return err
	}
	r.Ledger.Recounted(to)
	return nil
}

// count counts a send that went out, once, though a restore that was broken off reads
// its event again. Events of a version that named no class count
// for nothing. A time that is still to come is of a clock that was wrong.
func (r *Restorer) count(offset int64, e *carillonv1.Status) error {
	if r.Config.Caps == nil || offset < r.Ledger.Counted() {
		return nil
	}
	r.batch.CountedTo = offset + 1
	if !goneOut(e) {
		return nil
	}
	if e.At.AsTime().After(r.Now) {
		e.At.Seconds, e.At.Nanos = r.Now.Unix(), 0
	}
	r.batch.Counts = r.Config.Caps.appendCounts(r.batch.Counts, e, false)
	if len(r.batch.Counts) < restoreBatch {
		return nil
	}
	return r.apply()
}
