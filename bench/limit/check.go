package limit

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/bench/workload"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/plugins/sink"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// tally notes which sends were seen.
type tally struct {
	sends workload.Records
	seen  []bool
}

func newTally(sends workload.Records) tally { return tally{sends, make([]bool, sends.Len())} }

func (t tally) add(id string) error {
	i, ok := t.sends.Number(id)
	if !ok {
		return fmt.Errorf("the id %q was never published", id)
	}
	if t.seen[i] {
		return fmt.Errorf("the id %q is there more than once", id)
	}
	t.seen[i] = true
	return nil
}

func (t tally) missing() int {
	n := 0
	for _, seen := range t.seen {
		if !seen {
			n++
		}
	}
	return n
}

// checkOutcomes reads every status event with a client that is not ours: each
// send has exactly one, the outcome `sent`. Anything else, such as a send that
// was parked, is not what is measured here.
func checkOutcomes(ctx context.Context, addr, topic string, sends workload.Records) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	seen := newTally(sends)
	for left := sends.Len(); left > 0; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d sends have no outcome", seen.missing(), sends.Len())
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
func checkLedger(path string, sends workload.Records) error {
	seen := newTally(sends)
	for e, err := range sink.Entries(path) {
		if err == nil {
			err = seen.add(e.ID)
		}
		if err != nil {
			return fmt.Errorf("the sink's ledger: %w", err)
		}
	}
	if lost := seen.missing(); lost > 0 {
		return fmt.Errorf("%d of %d sends did not reach the sink", lost, sends.Len())
	}
	return nil
}
