package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// published says where a send went.
type published struct {
	ID        string `json:"id"`
	App       string `json:"app"`
	Recipient string `json:"recipient"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// publish writes the send and follows it where that was asked for.
func (f *sendFlags) publish(cmd *cobra.Command, m *carillonv1.Send) error {
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), f.timeout, errTimeout)
	defer cancel()
	to, status, err := partitionsOf(ctx, client, cfg, m, f.bulk)
	if err != nil {
		return err
	}
	from := int64(0)
	if f.wait { // from before the send, so that no event is missed
		ends, err := client.Offsets(ctx, []kafka.Partition{status}, kafka.Latest)
		if err != nil {
			return err
		}
		from = ends[status]
	}
	w := newWriter(client)
	defer w.close()
	offset, err := w.write(ctx, to, kafka.Record{
		Key: []byte(m.To.Id), Value: send.AppendSendJSON(nil, m),
		Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/json")}},
	})
	if err != nil {
		return fmt.Errorf("%w; it is safe to try again with --id %s", err, m.Id)
	}
	if err := f.printPublished(cmd, m, place{to, offset}); err != nil || !f.wait {
		return err
	}
	return f.await(ctx, cmd, client, follower{m: m, status: status, from: from, source: place{to, offset}})
}

// partitionsOf returns where the send goes and where its events come.
func partitionsOf(ctx context.Context, client *kafka.Client, cfg *config.Config, m *carillonv1.Send, bulk bool) (to, status kafka.Partition, err error) {
	to.Topic, status.Topic = cfg.Topic("sends"), cfg.Topic("status")
	if bulk {
		to.Topic = cfg.Topic("sends.bulk")
	}
	counts, err := partitions(ctx, client, to.Topic, status.Topic)
	if err != nil {
		return to, status, err
	}
	to.Index = kafka.PartitionOf([]byte(m.To.Id), counts[to.Topic])
	status.Index = kafka.PartitionOf([]byte(m.To.Id), counts[status.Topic])
	return to, status, nil
}

func (f *sendFlags) printPublished(cmd *cobra.Command, m *carillonv1.Send, at place) error {
	switch {
	case f.json && !f.wait:
		return printJSON(cmd.OutOrStdout(), published{m.Id, m.App, m.To.Id, at.Topic, at.Index, at.Offset})
	case f.wait:
		fmt.Fprintf(cmd.ErrOrStderr(), "published %s to %s, recipient %s\n", m.Id, at, m.To.Id)
	default:
		fmt.Fprintf(cmd.OutOrStdout(), "published %s to %s, recipient %s\n", m.Id, at, m.To.Id)
	}
	return nil
}

var errTimeout = errors.New("timeout")

// follower looks for the events of one send.
type follower struct {
	m      *carillonv1.Send
	status kafka.Partition
	from   int64
	source place // of the send's record: an older send may have the same id
	last   *carillonv1.Status
}

// await prints the send's events up to its outcome, which is the exit code.
func (f *sendFlags) await(ctx context.Context, cmd *cobra.Command, client *kafka.Client, w follower) error {
	out := cmd.OutOrStdout()
	err := follow(ctx, client, w.status, w.from, func(r *kafka.Record) error {
		e := readEvent(r)
		if e == nil || !w.wants(e) {
			return nil
		}
		w.last = e
		printEvent(out, e, f.json)
		if e.Kind == carillonv1.Kind_KIND_OUTCOME {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errTimeout):
		return w.timedOut(f.timeout, f.again())
	case err != nil:
		return err
	case w.last.Status == carillonv1.State_STATE_SENT:
		return nil
	}
	if hint := explain(w.last.GetReason().GetCode()); hint != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", send.StateName(w.last.Status), hint)
	}
	return errSaid
}

func (w *follower) wants(e *carillonv1.Status) bool {
	at := e.GetSource()
	return e.Id == w.m.Id && e.App == w.m.App && e.Recipient == w.m.To.Id &&
		at.GetTopic() == w.source.Topic && at.GetPartition() == w.source.Index &&
		(at.GetOffset() == w.source.Offset || w.source.Offset < 0)
}

func (w *follower) timedOut(limit time.Duration, flags string) error {
	state := "no event came: is the engine running, and ready (/readyz)?"
	if w.last != nil {
		state = "it is " + send.StateName(w.last.Status) + "."
	}
	return &exit{codeTimeout, fmt.Errorf("no outcome within %v; %s See later: %s status %s --app %s --recipient %s%s",
		limit, state, thisCommand(), w.m.Id, w.m.App, w.m.To.Id, flags)}
}
