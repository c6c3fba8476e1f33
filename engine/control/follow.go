package control

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// follower is where Follow is. Its goroutine alone uses it.
type follower struct {
	*Table
	changed func(*controlv1.Record)
	reading bool             // next and end are known
	next    int64            // to be read
	end     int64            // of the topic when the reading began
	fresh   map[string]entry // what was read since, until end is reached; then nil
	told    map[error]bool   // kinds of records passed over that are in the log
}

const (
	pollLong = 2 * time.Second
	most     = 4 << 20 // bytes of one answer
	waitMost = 10 * time.Second
)

func (f *follower) run(ctx context.Context) {
	for wait := 100 * time.Millisecond; ; {
		err := f.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			wait = 100 * time.Millisecond
			continue
		}
		f.log.Warn().Err(err).Str("topic", f.part.Topic).Stringer("again_in", wait).Msg("can't follow what operators decide")
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, waitMost)
	}
}

// read takes one answer.
func (f *follower) read(ctx context.Context) error {
	if !f.reading {
		if err := f.begin(ctx); err != nil {
			return err
		}
	}
	got, err := f.client.Fetch(ctx, []kafka.FetchPartition{{Partition: f.part, Offset: f.next, MaxBytes: most}}, 1, most, pollLong)
	if err == nil {
		err = got[0].Records(f.record)
		f.next = max(f.next, got[0].Next())
	}
	var damaged *kafka.BatchError
	switch {
	case errors.As(err, &damaged):
		f.skip(damaged.Offset, errMalformed)
		f.next = damaged.NextOffset
	case kafka.Is(err, kafkago.OffsetOutOfRange, kafkago.UnknownTopicOrPartition):
		f.reading = false // cut, or made anew: what is known of it may be gone
		return err
	case err != nil:
		return err
	}
	if f.fresh != nil && f.next >= f.end {
		f.catchUp()
	}
	return nil
}

// begin finds the topic's ends, and catches up at once where it is empty.
func (f *follower) begin(ctx context.Context) error {
	p := []kafka.Partition{f.part}
	first, err := f.client.Offsets(ctx, p, kafka.Earliest)
	if err != nil {
		return err
	}
	end, err := f.client.Offsets(ctx, p, kafka.Latest)
	if err != nil {
		return err
	}
	f.next, f.end, f.fresh, f.reading = first[f.part], end[f.part], map[string]entry{}, true
	if f.next >= f.end {
		f.catchUp()
	}
	return nil
}

// catchUp makes what was read the table, and tells of it.
func (f *follower) catchUp() {
	f.mu.Lock()
	f.entries, f.fresh = f.fresh, nil
	f.mu.Unlock()
	select {
	case <-f.caught:
	default:
		close(f.caught)
	}
	for _, e := range f.inOrder() {
		f.changed(e.record)
	}
}

// record never fails: one record that can't be read says nothing about the
// next.
func (f *follower) record(r *kafka.Record) error {
	if r.Value == nil {
		f.put(string(r.Key), entry{})
		return nil
	}
	rec, err := parse(string(r.Key), r.Value)
	if err != nil {
		f.put(string(r.Key), entry{}) // it was put in the place of what stood there
		f.skip(r.Offset, err)
		return nil
	}
	f.put(string(r.Key), entry{rec, r.Offset})
	if f.fresh == nil {
		f.changed(rec)
	}
	return nil
}

// put changes the table, or what is to be the table.
func (f *follower) put(key string, e entry) {
	to := f.fresh
	if to == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		to = f.entries
	}
	if e.record == nil {
		delete(to, key)
	} else {
		to[key] = e
	}
}

func (f *follower) skip(offset int64, why error) {
	if f.Skipped != nil {
		f.Skipped()
	}
	if f.told[why] {
		return
	}
	f.told[why] = true
	f.log.Error().Int64("offset", offset).Str("topic", f.part.Topic).
		Msgf("a record of what operators decide %v: it is passed over, as are all that follow of its kind", why)
}
