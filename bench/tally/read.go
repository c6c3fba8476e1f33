package tally

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/plugins/sink"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// ReadStatus reads a topic of status events from its start to ends, as ReadTopic
// does, and gives each event to take.
func ReadStatus(ctx context.Context, addr, topic string, ends map[int32]int64, take func(*carillonv1.Status)) error {
	return ReadTopic(ctx, addr, topic, ends, func(r *kgo.Record) error {
		s, err := Parse(r)
		if err == nil {
			take(s)
		}
		return err
	})
}

// ReadTopic reads a topic from its start to ends, the offset after the last
// record of each partition, and gives each record to take, in the order of its
// partition. It goes on for two minutes at most.
func ReadTopic(ctx context.Context, addr, topic string, ends map[int32]int64, take func(*kgo.Record) error) error {
	begin, left := map[int32]kgo.Offset{}, map[int32]int64{}
	for p, end := range ends {
		if begin[p] = kgo.NewOffset().At(0); end > 0 {
			left[p] = end
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: begin}),
		kgo.KeepControlRecords()) // the ends of transactions have offsets as well
	if err != nil {
		return fmt.Errorf("make the reader of %s: %w", topic, err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("read %s to its end, of which %d partitions are left: %w", topic, len(left), ctx.Err())
		}
		for it := fetches.RecordIter(); !it.Done(); {
			r := it.Next()
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if r.Attrs.IsControl() {
				continue
			}
			if err := take(r); err != nil {
				return fmt.Errorf("read %s/%d at %d: %w", topic, r.Partition, r.Offset, err)
			}
		}
	}
	return nil
}

// Parse reads a record of status.
func Parse(r *kgo.Record) (*carillonv1.Status, error) {
	headers := make([]send.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = send.Header(h)
	}
	return send.ParseStatus(r.Value, headers)
}

// ReadLedgers gives each attempt in the ledgers of the sink to take. A ledger
// that is not there has none: its node was never given a shard.
func ReadLedgers(files []string, take func(id string, reached bool)) error {
	return ReadAttempts(files, func(e sink.Entry) { take(e.ID, e.Sent()) })
}

// ReadAttempts does the same with all that the ledgers say of an attempt.
func ReadAttempts(files []string, take func(sink.Entry)) error {
	for _, file := range files {
		for e, err := range sink.Entries(file) {
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				return err
			}
			take(e)
		}
	}
	return nil
}
