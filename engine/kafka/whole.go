package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Whole reads one partition from its first record on, and goes on reading what
// comes, for whoever needs all of a topic in memory. Follow calls the functions
// from its goroutine; none may be nil.
type Whole struct {
	Client    *Client
	Partition Partition
	// Begin is called before the first record, and again where the topic was cut,
	// or made anew: then all of it comes once more.
	Begin func()
	// Record takes a record, which is its own until it returns.
	Record func(*Record)
	// Damaged is told of a batch that can't be read, by its offset. It is passed
	// over: it says nothing about the next.
	Damaged func(offset int64)
	// Answered is called after each answer, and says whether all was read that the
	// topic held at Begin.
	Answered func(caughtUp bool)
	// Failed is told of what keeps Follow from reading, and how long it waits.
	Failed func(err error, again time.Duration)

	reading bool         // next and end are known
	next    int64        // to be read
	end     int64        // of the topic at Begin
	behind  atomic.Int64 // records
}

const (
	wholePoll  = 2 * time.Second
	wholeBytes = 4 << 20 // of one answer
	wholePause = 10 * time.Second
)

// Behind returns how many offsets were left to read after the last answer. It is
// safe for concurrent use.
func (w *Whole) Behind() int64 { return w.behind.Load() }

// Follow reads until ctx ends, whatever becomes of the brokers meanwhile.
func (w *Whole) Follow(ctx context.Context) {
	const least = 100 * time.Millisecond
	for wait := least; ; {
		err := w.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			wait = least
			continue
		}
		w.Failed(err, wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, wholePause)
	}
}

// read takes one answer.
func (w *Whole) read(ctx context.Context) error {
	if !w.reading {
		if err := w.begin(ctx); err != nil {
			return err
		}
	}
	got, err := w.Client.Fetch(ctx, []FetchPartition{{Partition: w.Partition, Offset: w.next, MaxBytes: wholeBytes}}, 1, wholeBytes, wholePoll)
	if err == nil {
		err = got[0].Records(func(r *Record) error { w.Record(r); return nil })
		w.next = max(w.next, got[0].Next())
	}
	var damaged *BatchError
	switch {
	case errors.As(err, &damaged):
		w.Damaged(damaged.Offset)
		w.next = damaged.NextOffset
	case Is(err, kafkago.OffsetOutOfRange, kafkago.UnknownTopicOrPartition):
		w.reading = false // cut, or made anew: what is known of it may be gone
		return err
	case err != nil:
		return err
	}
	w.behind.Store(max(0, got[0].LastStable-w.next))
	w.Answered(w.next >= w.end)
	return nil
}

// begin finds the topic's ends, and has caught up at once where it is empty.
func (w *Whole) begin(ctx context.Context) error {
	p := []Partition{w.Partition}
	first, err := w.Client.Offsets(ctx, p, Earliest)
	if err != nil {
		return err
	}
	end, err := w.Client.Offsets(ctx, p, Latest)
	if err != nil {
		return err
	}
	w.next, w.end, w.reading = first[w.Partition], end[w.Partition], true
	w.Begin()
	if w.next >= w.end {
		w.Answered(true)
	}
	return nil
}
