package suppress

import (
	"context"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
)

// Follower reads the topic into a table. Run is its only goroutine.
type Follower struct {
	Client *kafka.Client
	Topic  string // its full name
	// Skipped is told of each record that is passed over, and of the first of each
	// kind why.
	Skipped func(offset int64, why error)
	// Failed is told of what keeps it from reading, and how long it waits.
	Failed func(err error, again time.Duration)
	// Changed is called once the table has caught up, and then after every answer
	// that brought a suppression.
	Changed func()

	table *Table
	fresh *contents // what was read since the beginning, until that is all; then nil
	whole *kafka.Whole
	added bool
	told  map[error]bool
	now   func() time.Time
}

// Of says which table it fills, and by which clock suppressions have lapsed.
func (f *Follower) Of(t *Table, now func() time.Time) *Follower {
	f.table, f.now, f.told = t, now, map[error]bool{}
	f.whole = &kafka.Whole{
		Client: f.Client, Partition: kafka.Partition{Topic: f.Topic},
		Begin: func() { f.fresh = newContents() }, Record: f.record, Answered: f.answered, Failed: f.Failed,
		Damaged: func(offset int64) { f.skip(offset, errMalformed) },
	}
	return f
}

// Behind returns how many records are still to be read. It is safe for concurrent
// use.
func (f *Follower) Behind() int64 { return f.whole.Behind() }

// Run reads until ctx ends.
func (f *Follower) Run(ctx context.Context) { f.whole.Follow(ctx) }

func (f *Follower) record(r *kafka.Record) {
	var added bool
	var err error
	if f.fresh != nil {
		added, err = f.table.take(f.fresh, r, f.now())
	} else {
		added, err = f.table.Take(r, f.now())
	}
	if f.added = f.added || added; err != nil {
		f.skip(r.Offset, err)
	}
}

// answered makes what was read the table, once it is all.
func (f *Follower) answered(all bool) {
	switch {
	case f.fresh != nil && !all:
		return
	case f.fresh != nil:
		f.table.now.Store(f.fresh)
		f.table.version.Add(1)
		f.fresh = nil
		select {
		case <-f.table.caught:
		default:
			close(f.table.caught)
		}
	case !f.added:
		return
	}
	f.added = false
	f.Changed()
}

func (f *Follower) skip(offset int64, why error) {
	if f.told[why] {
		why = nil
	} else {
		f.told[why] = true
	}
	f.Skipped(offset, why)
}
