package kafka

import (
	"context"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Fetched is the answer of a Fetch for one partition.
type Fetched struct {
	Partition
	Err           error // a kafkago.Error (OffsetOutOfRange, NotLeaderForPartition, …) or nil
	HighWatermark int64 // the offset the next record will get
	LastStable    int64 // records from here on belong to open transactions and are not answered
	LogStart      int64 // the first offset the broker still has

	offset  int64 // asked for
	next    int64
	raw     []byte
	aborted []abortedTxn
	limit   int // of decompression
}

type abortedTxn struct{ producer, first int64 }

// Next returns the offset to fetch next: behind the last record that yield
// accepted or, once Records has returned nil, behind the last whole batch,
// those that held nothing for us included.
func (f *Fetched) Next() int64 { return f.next }

// Fetch reads from partitions that share one leader, in one request, committed
// records only. It returns one Fetched for each of parts, in their order; a
// partition's own fault is in its Err, and Fetch's error is about all of them.
//
// The broker answers when it has minBytes, or after maxWait. It fills the
// answer (maxBytes in all) in the order of parts, topic by topic: a caller
// that reads many busy partitions rotates them.
//
// A partition that has moved has Err set, and the next Leaders asks the
// cluster again, as it does after a lost connection. Fetch does not retry.
func (c *Client) Fetch(ctx context.Context, parts []FetchPartition, minBytes, maxBytes int32, maxWait time.Duration) ([]Fetched, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	broker, l, err := c.leaderOf(ctx, len(parts), func(i int) Partition { return parts[i].Partition })
	if err != nil {
		return nil, err
	}
	req := &fetchRequest{
		broker: broker, clientID: c.cfg.ClientID,
		minBytes: minBytes, maxBytes: maxBytes, maxWait: maxWait,
		asked: make([]FetchPartition, 0, len(parts)), fetched: make([]Fetched, len(parts)),
	}
	for i, p := range parts {
		f := &req.fetched[i]
		*f = Fetched{
			Partition: p.Partition, Err: l.place(p.Partition, broker),
			HighWatermark: -1, LastStable: -1, LogStart: -1,
			offset: p.Offset, next: p.Offset, limit: c.cfg.MaxDecompressed,
		}
		if f.Err == nil {
			req.asked = append(req.asked, p)
		}
	}
	if len(req.asked) == 0 {
		return req.fetched, nil
	}
	req.encoded = req.encode()
	return c.sendFetch(ctx, req, l)
}

func (c *Client) sendFetch(ctx context.Context, req *fetchRequest, l *layout) ([]Fetched, error) {
	res, err := c.ask(ctx, req.broker, req, req.maxWait)
	if err != nil {
		if ctx.Err() == nil {
			l.stale.Store(true) // the broker may be gone for good
		}
		return nil, fmt.Errorf("fetching %d partitions from Kafka broker %d: %w", len(req.asked), req.broker, err)
	}
	// The answer has its own slice: a request that was given up may still be
	// read into while its caller goes on.
	fetched := res.(*fetchResponse).fetched
	for i := range fetched {
		if leaderMoved(fetched[i].Err) {
			l.stale.Store(true)
		}
	}
	return fetched, nil
}

// errUnanswered is what a partition gets that the broker left out, but for a
// fetch.
const errUnanswered = kafkago.UnknownTopicOrPartition
