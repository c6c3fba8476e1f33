package outcome

import (
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/kafka"
)

// identity is the producer id in use. The broker counts sequence numbers per
// producer id and partition, so a partition that has to begin anew takes a
// younger id than it had and the others keep theirs.
type identity struct {
	turn    chan struct{} // holds a token while an id is asked for: who waits for it still hears of the end
	current *kafka.ProducerID
}

// identify gives an id to the partitions that have none and encodes the
// batches that are not encoded.
func (p *Producer) identify(parts []*partition) error {
	for _, q := range parts {
		if q.producer == nil {
			id, err := p.freshID(q)
			if err != nil {
				return err
			}
			q.producer, q.sequence, q.encoded = id, 0, nil
		}
		if q.encoded == nil {
			q.encoded = q.batch.Encode(*q.producer, q.sequence)
		}
	}
	return nil
}

func (p *Producer) freshID(q *partition) (*kafka.ProducerID, error) {
	i := &p.identity
	select {
	case i.turn <- struct{}{}:
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	}
	defer func() { <-i.turn }()
	if i.current == nil || i.current == q.spent {
		id, err := p.client.InitProducerID(p.ctx, "")
		if err != nil {
			return nil, err
		}
		i.current = &id
	}
	return i.current, nil
}

// complaints logs what goes wrong, one line in ten seconds.
type complaints struct {
	log      zerolog.Logger
	mu       sync.Mutex
	last     time.Time
	withheld int
}

const complaintInterval = 10 * time.Second

func (c *complaints) warn(err error, part kafka.Partition, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.last.IsZero() || now.Sub(c.last) >= complaintInterval {
		c.log.Warn().Err(err).Stringer("partition", part).Int("withheld", c.withheld).Msg(text)
		c.last, c.withheld = now, 0
		return
	}
	c.withheld++
}
