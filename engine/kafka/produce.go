package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// allReplicas is acks=all: a record counts once every in-sync replica has it.
const allReplicas = -1

// transactionTimeout ends a transaction that its producer left open. We open
// none; a broker wants a value with every transactional id.
const transactionTimeout = time.Minute

// InitProducerID gets an identity for an idempotent producer. With a
// transactional id the broker raises its epoch, which fences whoever had it
// before. It retries what is retriable.
func (c *Client) InitProducerID(ctx context.Context, transactionalID string) (ProducerID, error) {
	req := &initproducerid.Request{TransactionalID: transactionalID, ProducerID: -1, ProducerEpoch: -1}
	var id ProducerID
	init := func(broker int32) error {
		m, err := c.ask(ctx, broker, req, 0)
		if err != nil {
			return err
		}
		res := m.(*initproducerid.Response)
		id = ProducerID{res.ProducerID, res.ProducerEpoch}
		return codeError(res.ErrorCode)
	}
	var err error
	if transactionalID == "" {
		err = c.retry(ctx, func() error { return init(anyBroker) })
	} else {
		req.TransactionTimeoutMs = int32(transactionTimeout.Milliseconds())
		err = c.askCoordinator(ctx, coordinator{transactionalID, byTransaction}, init)
	}
	if err != nil {
		return ProducerID{}, fmt.Errorf("getting a producer id from Kafka: %w", err)
	}
	return id, nil
}

// Produce writes batches to partitions that share one leader, in one request,
// with acks=all. It returns one Produced for each of parts, in their order; a
// partition's own fault is in its Err. An error of Produce itself leaves open
// whether any of the batches was stored. It does not retry. The batches' bytes
// must not change until it returns and, if it returns an error, ever.
func (c *Client) Produce(ctx context.Context, parts []ProducePartition) ([]Produced, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	broker, l, err := c.leaderOf(ctx, len(parts), func(i int) Partition { return parts[i].Partition })
	if err != nil {
		return nil, err
	}
	produced := make([]Produced, len(parts))
	at := make(map[Partition]*Produced, len(parts))
	asked := make([]ProducePartition, 0, len(parts))
	for i, p := range parts {
		produced[i] = Produced{p.Partition, -1, l.place(p.Partition, broker)}
		if produced[i].Err == nil {
			produced[i].Err = errUnanswered
			at[p.Partition] = &produced[i]
			asked = append(asked, p)
		}
	}
	if len(asked) == 0 {
		return produced, nil
	}
	req := &rawproduce.Request{Acks: allReplicas, Timeout: int32(c.cfg.RequestTimeout.Milliseconds() / 2)}
	for _, indexes := range byTopic(len(asked), func(i int) Partition { return asked[i].Partition }) {
		topic := rawproduce.RequestTopic{Topic: asked[indexes[0]].Topic}
		for _, i := range indexes {
			topic.Partitions = append(topic.Partitions, rawproduce.RequestPartition{
				Partition: asked[i].Index, RecordSet: protocol.RawRecordSet{Reader: &recordSet{batch: asked[i].Batch}},
			})
		}
		req.Topics = append(req.Topics, topic)
	}
	m, err := c.ask(ctx, broker, req, 0)
	if err != nil {
		if ctx.Err() == nil {
			l.stale.Store(true) // the broker may be gone for good
		}
		return nil, fmt.Errorf("producing to %d partitions at Kafka broker %d: %w", len(asked), broker, err)
	}
	takeProduced(m.(*produce.Response), at, l)
	return produced, nil
}

func takeProduced(res *produce.Response, at map[Partition]*Produced, l *layout) {
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			r := at[Partition{t.Topic, p.Partition}]
			if r == nil {
				continue
			}
			if r.Err = codeError(p.ErrorCode); r.Err == nil {
				r.BaseOffset = p.BaseOffset
			}
			if leaderMoved(r.Err) {
				l.stale.Store(true)
			}
		}
	}
}

// recordSet is a batch as a Produce request holds it: after its size.
// kafka-go writes what this reader gives as it is.
type recordSet struct {
	batch []byte
	read  int // of size and batch together
}

func (r *recordSet) Read(b []byte) (n int, err error) {
	size := binary.BigEndian.AppendUint32(nil, uint32(len(r.batch)))
	if r.read < len(size) {
		n = copy(b, size[r.read:])
	} else {
		n = copy(b, r.batch[r.read-len(size):])
	}
	r.read += n
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo spares io.Copy its buffer.
func (r *recordSet) WriteTo(w io.Writer) (int64, error) {
	size := binary.BigEndian.AppendUint32(nil, uint32(len(r.batch)))
	n, err := w.Write(size)
	if err != nil {
		return int64(n), err
	}
	m, err := w.Write(r.batch)
	return int64(n + m), err
}
