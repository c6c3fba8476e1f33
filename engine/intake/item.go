// Package intake is Kafka in: the consumer group, the fetch loop, the reading
// of records into sends, and the committing of offsets.
package intake

import (
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Item is one input record as the reader understood it.
type Item struct {
	Offset   int64
	Accepted time.Time // the record's timestamp
	// Source is where the producer put it: elsewhere, if it was forwarded.
	Source send.Source
	// Send is nil if the record holds none; Invalid then says why.
	Send    *carillonv1.Send
	Invalid *send.Invalid
	// Shard is where the recipient's records belong.
	Shard int32
	// Record is the record itself, for what must be written elsewhere.
	Record kafka.Record
}

// Chunk is a run of items of one input topic.
type Chunk struct {
	Items []Item
	// Next is the offset after the chunk, past control records.
	Next int64

	free chan<- []Item
}

// Release gives the memory of the items back to the reader, which fills it
// again. Whoever calls it has no use for any of them any more, but may keep what
// they point to.
func (c *Chunk) Release() {
	if c.free == nil {
		return
	}
	clear(c.Items)
	select {
	case c.free <- c.Items[:0]:
	default: // it has enough
	}
	c.Items, c.free = nil, nil
}

// The inputs of a shard, as they are numbered in the ledger's journal.
const (
	Urgent = 0
	Bulk   = 1
)

// Headers that the engine writes on records.
const (
	// SourceHeader is on a forwarded record: topic/partition/offset of the
	// record that the producer wrote.
	SourceHeader = "carillon-source"
	// InputHeader is on a status event of a forwarded record: the input and
	// offset in this shard, which the event's source does not tell.
	InputHeader = "carillon-input"
	// ReasonHeader and PathHeader are on a record in `invalid`.
	ReasonHeader = "carillon-reason"
	PathHeader   = "carillon-path"
	DetailHeader = "carillon-detail"
	// KeyHeader is the original key of a record in `invalid`.
	KeyHeader = "carillon-key"
)
