package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/shard"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// decided is what became of a decision.
type decided struct {
	doubtful
	Decision string `json:"decision"`
	Done     bool   `json:"done"`             // false: it was too late
	Status   string `json:"status,omitempty"` // of the event that shows it
}

type sendName struct{ app, recipient, id string }

// watch looks for the status events that show what became of decisions.
type watch struct {
	cmd      *cobra.Command
	json     bool
	decision controlv1.Decision
	from     map[kafka.Partition]int64

	mu   sync.Mutex // of what follows: partitions are read side by side
	open map[int32]map[sendName]doubtful
	done int
	late int
}

func (f *decideFlags) newWatch(cmd *cobra.Command, chosen []doubtful) *watch {
	w := &watch{cmd: cmd, json: f.json, decision: f.decision, open: map[int32]map[sendName]doubtful{}}
	for _, d := range chosen {
		if w.open[d.Shard] == nil {
			w.open[d.Shard] = map[sendName]doubtful{}
		}
		w.open[d.Shard][sendName{d.App, d.Recipient, d.ID}] = d
	}
	return w
}

// begin finds where the events of now end.
func (w *watch) begin(ctx context.Context, client *kafka.Client, cfg *config.Config) error {
	var parts []kafka.Partition
	for shard := range w.open {
		parts = append(parts, kafka.Partition{Topic: cfg.Topic("status"), Index: shard})
	}
	var err error
	w.from, err = client.Offsets(ctx, parts, kafka.Latest)
	return err
}

// await reads on until all are known, or ctx ends.
func (w *watch) await(ctx context.Context, client *kafka.Client) error {
	reading, ctx := errgroup.WithContext(ctx)
	for p, from := range w.from {
		reading.Go(func() error {
			return follow(ctx, client, p, from, func(r *kafka.Record) error { return w.event(p.Index, readEvent(r)) })
		})
	}
	err := reading.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	left := 0
	for _, sends := range w.open {
		left += len(sends)
	}
	fmt.Fprintf(w.cmd.ErrOrStderr(), "done: %d, too late: %d, open: %d\n", w.done, w.late, left)
	if errors.Is(err, errTimeout) {
		return &exit{codeTimeout, fmt.Errorf("no node has taken %d of the decisions yet: is the engine running, and ready (/readyz)? "+
			"They stand, and are carried out when one does; `carillon indoubt list` shows what is still in doubt", left)}
	}
	return err
}

// event takes an event of a shard, and returns errEnough when none is waited for
// any more.
func (w *watch) event(shard int32, e *carillonv1.Status) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := sendName{e.GetApp(), e.GetRecipient(), e.GetId()}
	d, ok := w.open[shard][name]
	if !ok {
		return nil
	}
	done, late := w.shows(e, d.Attempt)
	if !done && !late {
		return nil
	}
	delete(w.open[shard], name)
	if done {
		w.done++
	} else {
		w.late++
	}
	if err := w.print(d, done, e); err != nil {
		return err
	}
	if len(w.open[shard]) == 0 {
		return errEnough
	}
	return nil
}

// shows says what an event of the send tells: that the decision about the
// attempt was carried out, or that something else came first.
func (w *watch) shows(e *carillonv1.Status, attempt uint32) (done, late bool) {
	by := e.GetReason().GetClass() == shard.ClassOperator && e.Attempt == attempt
	switch {
	case e.Status == carillonv1.State_STATE_DUPLICATE: // another record's
		return false, false
	case by && e.GetReason().GetCode() == shard.CodeDropped:
		done = w.decision == controlv1.Decision_DECISION_DROP
	case by && e.GetReason().GetCode() == shard.CodeResend:
		done = w.decision == controlv1.Decision_DECISION_RESEND
	case e.Attempt > attempt: // it was attempted again; the event that says why can be lost in a crash
		done = w.decision == controlv1.Decision_DECISION_RESEND
	case e.Kind != carillonv1.Kind_KIND_OUTCOME:
		return false, false
	}
	return done, !done
}

func (w *watch) print(d doubtful, done bool, e *carillonv1.Status) error {
	out := w.cmd.OutOrStdout()
	state := send.StateName(e.Status)
	decision := map[controlv1.Decision]string{controlv1.Decision_DECISION_RESEND: "resend", controlv1.Decision_DECISION_DROP: "drop"}[w.decision]
	switch {
	case w.json:
		return printJSON(out, decided{d, decision, done, state})
	case !done:
		fmt.Fprintf(out, "%s: too late, it is %s\n", d.ID, state)
	case w.decision == controlv1.Decision_DECISION_RESEND:
		fmt.Fprintf(out, "%s: is attempted again\n", d.ID)
	default:
		fmt.Fprintf(out, "%s: ended %s\n", d.ID, state)
	}
	return nil
}
