package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
)

// chunkSize is how many records a shard is given at once: enough to make a
// hop between goroutines cheap, few enough that urgent ones are seen soon.
const chunkSize = 256

// Observer counts what the readers see. It must be safe for concurrent use.
type Observer interface {
	Read(topic string, records int, f send.Format)
	NearMiss(field string)
}

// Reader turns what is fetched of one partition into chunks of items. Its
// shard takes them from Chunks.
type Reader struct {
	Chunks chan Chunk

	part       kafka.Partition
	partitions int
	limits     send.Limits
	observe    Observer
	fetched    chan *kafka.Fetched // the fetcher writes
	free       chan []Item         // memory of chunks that the shard is done with
}

// NewReader makes the reader of one partition of an input topic.
func NewReader(p kafka.Partition, partitions int, limits send.Limits, o Observer) *Reader {
	return &Reader{
		Chunks: make(chan Chunk, 1), part: p, partitions: partitions, limits: limits, observe: o,
		fetched: make(chan *kafka.Fetched, 1), free: make(chan []Item, 2),
	}
}

// Run reads until ctx ends. An error is a batch that can't be read: the shard
// must not go on behind it.
func (r *Reader) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-r.fetched:
			err := r.read(ctx, f)
			if errors.Is(err, errStopped) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
}

// errStopped says that a chunk was not given, and none may follow it: a shard
// takes the offsets between two chunks for finished.
var errStopped = errors.New("stopped")

func (r *Reader) read(ctx context.Context, f *kafka.Fetched) error {
	items := r.room()
	formats := map[send.Format]int{}
	err := f.Records(func(rec *kafka.Record) error {
		if len(items) == chunkSize {
			if !r.give(ctx, Chunk{Items: items, Next: rec.Offset}) && !fault.Mutant(fault.GapIsFinished) {
				return errStopped
			}
			items = r.room()
		}
		items = items[:len(items)+1]
		notes := r.item(&items[len(items)-1], rec)
		formats[notes.Format]++
		for _, field := range notes.NearMisses {
			r.observe.NearMiss(field)
		}
		return nil
	})
	for f, n := range formats {
		r.observe.Read(r.part.Topic, n, f)
	}
	if errors.Is(err, errStopped) {
		return err
	}
	if !r.give(ctx, Chunk{Items: items, Next: f.Next()}) { // what is before a damaged batch is as good as any
		return errStopped
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", r.part, err)
	}
	return nil
}

// room returns memory for a chunk.
func (r *Reader) room() []Item {
	select {
	case items := <-r.free:
		return items
	default:
		return make([]Item, 0, chunkSize)
	}
}

func (r *Reader) give(ctx context.Context, c Chunk) bool {
	c.free = r.free
	select {
	case r.Chunks <- c:
		return true
	case <-ctx.Done():
		return false
	}
}

// item reads a record into an item that is empty.
func (r *Reader) item(it *Item, rec *kafka.Record) send.Notes {
	own := send.Source{Topic: r.part.Topic, Partition: r.part.Index, Offset: rec.Offset}
	it.Offset, it.Accepted, it.Shard, it.Record, it.Source = rec.Offset, rec.Time, r.part.Index, *rec, own
	forwarded := false
	for _, h := range rec.Headers {
		if h.Key == SourceHeader {
			it.Source, forwarded = r.parseSource(h.Value, own)
		}
	}
	msg, notes, err := send.Decode(*rec, r.limits)
	if err != nil {
		it.Invalid = asInvalid(err)
		return notes
	}
	it.Send = msg
	it.Shard = kafka.PartitionOf([]byte(msg.To.Id), r.partitions)
	if forwarded && it.Shard != r.part.Index {
		it.Invalid = &send.Invalid{
			Code: "misplaced", Path: "to.id",
			Detail: "was forwarded once and is on the wrong partition again: do the input topics have the same number of partitions?",
		}
	}
	return notes
}

func asInvalid(err error) *send.Invalid {
	var invalid *send.Invalid
	if errors.As(err, &invalid) {
		return invalid
	}
	return &send.Invalid{Code: "unreadable", Detail: err.Error()}
}

// parseSource reads topic/partition/offset. What the engine can't have written
// is no forward: anybody may write the header, and two records with one source
// count as one.
func (r *Reader) parseSource(b []byte, own send.Source) (send.Source, bool) {
	parts := bytes.Split(b, []byte{'/'})
	if len(parts) != 3 || string(parts[0]) != own.Topic && !fault.Mutant(fault.AnySourceBelieved) {
		return own, false
	}
	p, err1 := strconv.ParseInt(string(parts[1]), 10, 32)
	o, err2 := strconv.ParseInt(string(parts[2]), 10, 64)
	if errors.Join(err1, err2) != nil || o < 0 || p < 0 || int(p) >= r.partitions || int32(p) == own.Partition {
		return own, false
	}
	return send.Source{Topic: own.Topic, Partition: int32(p), Offset: o}, true
}
