package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/plugins/sink"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// tally counts how often each of n sends was seen.
type tally []uint8

func (t tally) add(id string) error {
	i, err := number(id)
	if err != nil {
		return err
	}
	if i >= len(t) {
		return fmt.Errorf("the id %q was never published", id)
	}
	if t[i]++; t[i] > 1 {
		return fmt.Errorf("the id %q is there more than once", id)
	}
	return nil
}

func (t tally) missing() int {
	n := 0
	for _, seen := range t {
		if seen == 0 {
			n++
		}
	}
	return n
}

// checkOutcomes reads every status event with a client that is not ours: each
// send has exactly one, the outcome `sent`. Anything else, such as a send that
// was parked, is not what is measured here.
func checkOutcomes(ctx context.Context, addr, topic string, n int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	seen := make(tally, n)
	for left := n; left > 0; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d sends have no outcome", seen.missing(), n)
		}
		for it := fetches.RecordIter(); !it.Done(); left-- {
			if err := checkOutcome(seen, it.Next()); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkOutcome(seen tally, rec *kgo.Record) error {
	headers := make([]send.Header, len(rec.Headers))
	for i, h := range rec.Headers {
		headers[i] = send.Header(h)
	}
	s, err := send.ParseStatus(rec.Value, headers)
	if err != nil {
		return fmt.Errorf("reading a status event: %w", err)
	}
	if s.Status != carillonv1.State_STATE_SENT || s.Attempt != 1 {
		return fmt.Errorf("%s: %s after attempt %d, reason %v; want sent after the first",
			s.Id, send.StateName(s.Status), s.Attempt, s.Reason)
	}
	return seen.add(s.Id)
}

// checkLedger compares with what the sink wrote down: each send reached it once.
func checkLedger(path string, n int) error {
	seen := make(tally, n)
	for e, err := range sink.Entries(path) {
		if err == nil {
			err = seen.add(e.ID)
		}
		if err != nil {
			return fmt.Errorf("the sink's ledger: %w", err)
		}
	}
	if lost := seen.missing(); lost > 0 {
		return fmt.Errorf("%d of %d sends did not reach the sink", lost, n)
	}
	return nil
}
