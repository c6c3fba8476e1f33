package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
)

func TestReaderChunks(t *testing.T) {
	for _, c := range []struct {
		name    string
		records int
		sizes   []int
	}{
		{"one", 1, []int{1}},
		{"a full chunk", chunkSize, []int{chunkSize}},
		{"one more", chunkSize + 1, []int{chunkSize, 1}},
		{"several", 3*chunkSize + 9, []int{chunkSize, chunkSize, chunkSize, 9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBroker(t, 4)
			b.produce(3, numbered(c.records)...)
			o := &seen{}
			r := newTestReader(o)
			ctx, cancel := context.WithCancel(t.Context())
			var done sync.WaitGroup
			done.Go(func() {
				if err := r.Run(ctx); err != nil {
					t.Error(err)
				}
			})
			r.fetched <- b.fetch(3, 0, 8<<20)
			next := int64(0)
			for _, size := range c.sizes {
				chunk := <-r.Chunks
				if len(chunk.Items) != size || chunk.Items[0].Offset != next || chunk.Next != next+int64(size) {
					t.Fatalf("a chunk of %d from %d, next %d; want %d from %d", len(chunk.Items), chunk.Items[0].Offset, chunk.Next, size, next)
				}
				next = chunk.Next
			}
			cancel()
			done.Wait()
			if o.records[send.JSON] != c.records {
				t.Errorf("counted %v", o.records)
			}
		})
	}
}

// A shard takes what lies in a chunk's way for finished. So whatever a reader
// that is stopped leaves out, it must leave out all behind it as well.
func TestStoppedReaderLeavesNoGap(t *testing.T) {
	for chunks := 2; chunks <= 3; chunks++ { // the one that is left out is the last of its batch, or is not
		testStoppedReader(t, chunks)
	}
}

func testStoppedReader(t *testing.T, chunks int) {
	b := newBroker(t, 4)
	b.produce(3, numbered(chunks*chunkSize)...)
	end := b.produce(3, numbered(3)...)
	first, second := b.fetch(3, 0, 1), b.fetch(3, end, 1)
	for range 100 { // a select chooses at random
		r := newTestReader(&seen{})
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			_ = r.Run(ctx)
		}()
		r.fetched <- first
		r.fetched <- second
		for len(r.Chunks) == 0 { // now it waits to give the second chunk, or soon will
			time.Sleep(10 * time.Microsecond)
		}
		cancel()
		next := int64(0)
		for more := true; more; {
			select {
			case c := <-r.Chunks:
				if len(c.Items) > 0 && c.Items[0].Offset != next {
					t.Fatalf("after offset %d comes %d", next, c.Items[0].Offset)
				}
				next = c.Next
			case <-stopped:
				more = len(r.Chunks) > 0
			}
		}
	}
}

func TestReaderWaitsForItsShard(t *testing.T) {
	b := newBroker(t, 4)
	b.produce(3, numbered(3)...)
	r := newTestReader(&seen{})
	for range cap(r.fetched) {
		r.fetched <- b.fetch(3, 0, 8<<20)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = r.Run(ctx) })
	r.fetched <- b.fetch(3, 0, 8<<20) // one is in Chunks, one in its hand
	r.fetched <- b.fetch(3, 0, 8<<20)
	select {
	case r.fetched <- nil:
		t.Error("it takes more than it can give")
	default:
	}
	cancel()
	done.Wait() // also while it waits to give
}

// A batch that can't be read stops the partition there and not before.
func TestReaderGivesWhatIsBeforeADamagedBatch(t *testing.T) {
	b := newBroker(t, 4)
	b.produce(3, numbered(5)...)
	bad := b.produce(3, numbered(1)...)
	b.damage(3, bad)
	r := newTestReader(&seen{})
	r.fetched <- b.fetch(3, 0, 8<<20)
	err := r.Run(t.Context())
	var batch *kafka.BatchError
	if !errors.As(err, &batch) || batch.Offset != bad || !strings.Contains(err.Error(), "sends/3") {
		t.Errorf("%v", err)
	}
	select {
	case c := <-r.Chunks:
		if len(c.Items) != 5 || c.Next != bad {
			t.Errorf("%d items, next %d", len(c.Items), c.Next)
		}
	default:
		t.Error("five good records are kept back")
	}
}

func numbered(n int) []kafka.Record {
	home := homeOf(3)
	var records []kafka.Record
	for i := range n {
		records = append(records, sendTo(home, fmt.Sprint("k", i)))
	}
	return records
}

// A chunk's memory is filled again once it is released, and what its items
// pointed to stays.
func TestChunkIsUsedAgain(t *testing.T) {
	b := newBroker(t, 4)
	b.produce(3, numbered(3)...)
	r := newTestReader(&seen{})
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = r.Run(ctx) })
	r.fetched <- b.fetch(3, 0, 8<<20)
	first := <-r.Chunks
	memory, msg, id := &first.Items[0], first.Items[0].Send, first.Items[0].Send.Id
	first.Release()
	if first.Items != nil || memory.Send != nil {
		t.Error("the chunk still holds its sends")
	}
	r.fetched <- b.fetch(3, 0, 8<<20)
	if second := <-r.Chunks; &second.Items[0] != memory || second.Items[0].Send == msg || second.Items[0].Send.Id != id {
		t.Error("the memory was not used again, or not well")
	}
	if msg.Id != id {
		t.Errorf("the first send is %q now, want %q", msg.Id, id)
	}
	cancel()
	done.Wait()
}
