package outcome

import (
	"errors"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// sender writes to one broker, one request at a time; what comes meanwhile
// goes into the next, so load makes requests larger rather than more.
type sender struct {
	wake chan struct{} // holds one token
	line []*partition  // guarded by Producer.mu
}

func (p *Producer) send(s *sender) {
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-s.wake:
		}
		for p.ctx.Err() == nil {
			parts := p.nextRequest(s)
			if len(parts) == 0 {
				break
			}
			p.sendRequest(parts)
		}
	}
}

// nextRequest takes partitions from the line until the request is full, and
// builds the batches of those that have none to send again.
func (p *Producer) nextRequest(s *sender) (parts []*partition) {
	for size := 0; ; {
		p.mu.Lock()
		if len(s.line) == 0 || size >= p.cfg.RequestBytes {
			p.mu.Unlock()
			return parts
		}
		q := s.line[0]
		s.line = s.line[1:]
		p.mu.Unlock()
		if p.fenced(q) || q.batch == nil && !p.fill(q) {
			continue
		}
		size += q.batch.Size()
		parts = append(parts, q)
	}
}

func (p *Producer) sendRequest(parts []*partition) {
	if err := p.identify(parts); err != nil {
		for _, q := range parts {
			p.turnAway(q, err)
		}
		return
	}
	request := make([]kafka.ProducePartition, len(parts))
	for i, q := range parts {
		request[i] = kafka.ProducePartition{Partition: q.id, Batch: q.encoded}
	}
	p.stats.requests.Add(1)
	answers, err := p.client.Produce(p.ctx, request)
	fault.Point(fault.BeforeAck)
	for i, q := range parts {
		switch {
		case p.fenced(q): // its calls are made
		case err != nil: // whatever it is, the batches may have been stored
			q.doubtful = true
			p.failed(q, err)
		default:
			p.answered(q, answers[i])
		}
	}
}

func (p *Producer) answered(q *partition, a kafka.Produced) {
	switch {
	case a.Err == nil:
		p.stored(q, a.BaseOffset)
	case errors.Is(a.Err, kafkago.DuplicateSequenceNumber):
		p.stored(q, -1) // stored before; the broker has forgotten where
	case beginAnew(a.Err):
		p.stats.renewals.Add(1)
		q.renew()
		if q.owned {
			p.settle(q, nil, func(*entry) bool { return false })
			return
		}
		p.complaints.warn(a.Err, q.id, "Kafka has lost track of this producer: beginning anew under a fresh producer id")
		p.failed(q, a.Err)
	default:
		q.doubtful = q.doubtful || kafka.Retriable(a.Err) // a timeout at the broker is one of these
		p.turnAway(q, a.Err)
	}
}

// beginAnew tells whether the broker no longer accepts the partition's
// producer id and sequence. An invalid transaction state is what some say while
// another claim of the partition is under way.
func beginAnew(err error) bool {
	return kafka.Is(err, kafkago.OutOfOrderSequenceNumber, kafkago.UnknownProducerId, kafkago.InvalidProducerEpoch,
		kafkago.InvalidProducerIDMapping, kafkago.ProducerFenced, kafkago.InvalidTransactionState)
}

// blamesOne tells whether a batch was refused for what may be only one of its
// records.
func blamesOne(err error) bool {
	return kafka.Is(err, kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge, kafkago.InvalidRecord, kafkago.InvalidTimestamp)
}
