package kafka

import (
	"context"
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"

	"github.com/carillonhq/carillon/engine/fault"
)

// Claim makes this process the only writer to the partitions under a
// transactional id: once it returns, the broker refuses what anybody who
// claimed that id before still writes to them. The identity that it returns is
// for plain idempotent batches.
//
// A broker fences a partition when it sees a younger epoch there. Claim shows it
// one by committing an empty transaction, which leaves a control record in each
// partition and nothing that a consumer is given.
func (c *Client) Claim(ctx context.Context, transactionalID string, parts []Partition) (ProducerID, error) {
	if fault.Mutant(fault.NoFence) {
		return c.InitProducerID(ctx, "")
	}
	// A topic that was just made is known before its partitions are served. Markers
	// that come too early may rest for 30 s at the coordinator (Apache Kafka 4.1.1).
	if _, err := c.Offsets(ctx, parts, Latest); err != nil {
		return ProducerID{}, fmt.Errorf("claiming %v as %s: %w", parts, transactionalID, err)
	}
	id, err := c.InitProducerID(ctx, transactionalID)
	if err != nil {
		return id, err
	}
	at := coordinator{transactionalID, byTransaction}
	err = c.askCoordinator(ctx, at, func(broker int32) error { return c.addToTxn(ctx, broker, transactionalID, id, parts) })
	if err == nil {
		end := &endtxn.Request{TransactionalID: transactionalID, ProducerID: id.ID, ProducerEpoch: id.Epoch, Committed: true}
		err = c.askCoordinator(ctx, at, func(broker int32) error {
			m, err := c.ask(ctx, broker, end, 0)
			if err != nil {
				return err
			}
			return codeError(m.(*endtxn.Response).ErrorCode)
		})
	}
	if err != nil {
		return id, fmt.Errorf("claiming %v as %s: %w", parts, transactionalID, err)
	}
	// The markers are written after the answer; the coordinator gives out the
	// next epoch only when they are.
	for {
		id, err = c.InitProducerID(ctx, transactionalID)
		if !errors.Is(err, kafkago.ConcurrentTransactions) || ctx.Err() != nil {
			return id, err
		}
	}
}

func (c *Client) addToTxn(ctx context.Context, broker int32, transactionalID string, id ProducerID, parts []Partition) error {
	req := &addpartitionstotxn.Request{TransactionalID: transactionalID, ProducerID: id.ID, ProducerEpoch: id.Epoch}
	for _, p := range parts {
		req.Topics = append(req.Topics, addpartitionstotxn.RequestTopic{Name: p.Topic, Partitions: []int32{p.Index}})
	}
	m, err := c.ask(ctx, broker, req, 0)
	if err != nil {
		return err
	}
	for _, topic := range m.(*addpartitionstotxn.Response).Results {
		for _, p := range topic.Results {
			if p.ErrorCode != 0 {
				return codeError(p.ErrorCode)
			}
		}
	}
	return nil
}
