package outcome

import (
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// turnAway deals with a partition whose batch was surely not stored now:
// again later, or never.
func (p *Producer) turnAway(q *partition, err error) {
	if q.batch == nil && !p.fill(q) {
		return
	}
	if p.ctx.Err() == nil && !kafka.Retriable(err) {
		p.refused(q, err)
		return
	}
	p.failed(q, err)
}

// failed keeps the batch, to be sent again as it is, and leaves the partition
// to the router. When the producer has been abandoned, that is where it stays.
func (p *Producer) failed(q *partition, err error) {
	if p.ctx.Err() == nil {
		p.stats.retries.Add(1)
		p.complaints.warn(err, q.id, "Kafka does not take records: trying again")
		if p.cfg.OnRetry != nil {
			p.cfg.OnRetry(err)
		}
	}
	switch {
	case !errors.Is(err, kafkago.UnknownTopicOrPartition):
		q.missing = time.Time{}
	case q.missing.IsZero():
		q.missing = time.Now()
	case time.Since(q.missing) > p.cfg.TopicTimeout:
		p.refused(q, fmt.Errorf("the topic did not appear in %s, create it: %w", p.cfg.TopicTimeout, err))
		return
	}
	if fault.Mutant(fault.ResendAsNew) {
		q.renew()
	}
	q.failures++
	q.leader = nobody
	q.notYet = time.Now().Add(backoff(p.cfg.Backoff, q.failures))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.place(q)
}

// backoff doubles from first to maxBackoff.
func backoff(first time.Duration, failures int) time.Duration {
	d := first << min(failures-1, 16)
	return min(d, max(first, maxBackoff))
}

// route finds the leader of each partition that waits for one, once its pause
// is over.
func (p *Producer) route() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.wakeRouter:
		case <-timer.C:
		}
		due, pause := p.due(time.Now())
		if len(due) > 0 {
			p.assign(due)
		}
		if pause > 0 {
			timer.Reset(pause)
		}
	}
}

// due takes the partitions whose pause is over, and says when to look again.
func (p *Producer) due(now time.Time) (due []*partition, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var later []*partition
	for _, q := range p.waiting {
		if q.fenced {
			continue
		}
		left := q.notYet.Sub(now)
		if left <= 0 {
			due = append(due, q)
			continue
		}
		later = append(later, q)
		if pause == 0 || left < pause {
			pause = left
		}
	}
	p.waiting = later
	return due, pause
}

// assign puts partitions in line at their leaders. Topic by topic, so that a
// topic that may not be asked for is no other's fault; the client answers from
// memory.
func (p *Producer) assign(due []*partition) {
	topics := map[string][]*partition{}
	for _, q := range due {
		topics[q.id.Topic] = append(topics[q.id.Topic], q)
	}
	var unreachable error
	for topic, parts := range topics {
		var leaders map[kafka.Partition]int32
		err := unreachable
		if err == nil {
			leaders, err = p.client.Leaders(p.ctx, []string{topic})
		}
		if err != nil && kafka.Retriable(err) {
			unreachable = err
		}
		for _, q := range parts {
			p.assignTo(q, leaders, err)
		}
	}
}

func (p *Producer) assignTo(q *partition, leaders map[kafka.Partition]int32, err error) {
	leader, known := leaders[q.id]
	switch {
	case err != nil:
		p.turnAway(q, err)
	case !known:
		p.turnAway(q, kafkago.UnknownTopicOrPartition)
	case leader < 0:
		p.turnAway(q, kafkago.LeaderNotAvailable)
	default:
		q.leader = leader
		p.mu.Lock()
		defer p.mu.Unlock()
		p.place(q)
	}
}
