// Package control is the operator's hand: what was decided, by whom and why. It
// stands in the topic `control`, one compacted partition, which every node reads
// whole and goes on reading.
package control

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Table is what the topic holds, the last record of each key. Follow fills it;
// everything else is safe for concurrent use.
type Table struct {
	// Skipped is told of each record that is passed over, from Follow's
	// goroutine. It may be nil, and must not change once Follow runs.
	Skipped func()
	// Moved is told once all is read, and then after each answer of the broker
	// that changed the table, tombstones included: from Follow's goroutine. It may
	// be nil, and must not change once Follow runs.
	Moved func()

	client *kafka.Client
	part   kafka.Partition
	log    zerolog.Logger
	caught chan struct{}

	mu      sync.Mutex
	entries map[string]entry // guarded by mu
}

type entry struct {
	record *controlv1.Record // nobody changes it
	offset int64
}

// NewTable makes the table of the topic of that full name. It does no I/O.
func NewTable(c *kafka.Client, topic string, log zerolog.Logger) *Table {
	return &Table{
		client: c, part: kafka.Partition{Topic: topic}, log: log,
		caught: make(chan struct{}), entries: map[string]entry{},
	}
}

// CaughtUp is closed when all was read that the topic held when Follow began.
func (t *Table) CaughtUp() <-chan struct{} { return t.caught }

// Acceptance returns what was accepted last of a partition, nil where nothing
// was.
func (t *Table) Acceptance(p kafka.Partition) *controlv1.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entries[AcceptanceKey(p)].record
}

// Doubt returns the record of a decision, nil where it is done with.
func (t *Table) Doubt(d *controlv1.Doubt) *controlv1.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entries[DoubtKey(d)].record
}

// Doubts returns the decisions about sends in doubt that nobody has carried out
// yet, in the order in which they were made.
func (t *Table) Doubts() []*controlv1.Record {
	all := t.Records()
	return slices.DeleteFunc(all, func(r *controlv1.Record) bool { return r.GetDoubt() == nil })
}

// Records returns all that stands, in the order in which it was written.
func (t *Table) Records() []*controlv1.Record {
	entries := t.inOrder()
	all := make([]*controlv1.Record, len(entries))
	for i, e := range entries {
		all[i] = e.record
	}
	return all
}

func (t *Table) inOrder() []entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]entry, 0, len(t.entries))
	for _, e := range t.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.offset, b.offset) })
	return all
}

// Follow reads the topic until ctx ends, whatever becomes of the brokers
// meanwhile. changed is called from its goroutine: when all is read that the
// topic held at the start, with each record that stands, in the order in which
// they were written, and from then on with each that comes. It is not called
// for tombstones.
func (t *Table) Follow(ctx context.Context, changed func(*controlv1.Record)) {
	f := follower{Table: t, changed: changed, told: map[error]bool{}}
	whole := kafka.Whole{
		Client: t.client, Partition: t.part,
		Begin: func() { f.fresh = map[string]entry{} }, Record: f.record,
		Damaged:  func(offset int64) { f.skip(offset, errMalformed) },
		Answered: f.answered, Failed: f.failed,
	}
	whole.Follow(ctx)
}
