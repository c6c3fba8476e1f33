package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

const cancelLong = `Cancel sends: a campaign, one send, or whatever an app has published. It covers
what is still in Kafka, what is parked and what waits in lanes; all of that ends
with the outcome "canceled" and no further attempt. An attempt that is at the
plugin is too late. A send that may have been sent before, because an answer was
lost, ends "unknown".

A campaign, and an id, stay canceled: what comes of them later is canceled too,
until the cancel is undone or has stood for --for. An app is canceled up to a
time (--before): by the timestamps of its records, which its producers set.

The command waits until every shard has gone through all that was there, and
says how many sends were canceled and how many had been too late. Exit code 3
says that not all have in time: the cancel stands, and is carried out. With
--undo a cancel stands no more; what it has ended stays ended.`

type cancelFlags struct {
	requestFlags
	id, recipient, before string
	stand                 time.Duration
	undo                  bool
}

func newCancel() *cobra.Command {
	f := &cancelFlags{}
	cmd := &cobra.Command{
		Use:   "cancel --app APP [--campaign C | --recipient R --id ID]",
		Short: "Cancel a campaign, a send, or what an app has published",
		Long:  cancelLong,
		Example: `  carillon cancel --app shop --campaign spring --reason "the wrong prices"
  carillon cancel --app shop --recipient customer-17 --id order-17
  carillon cancel --app shop --before 2026-03-01T12:00:00Z
  carillon cancel --app shop --campaign spring --undo
  carillon cancel --list`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.cancel(time.Now())
			if err != nil {
				return err
			}
			return f.run(cmd, c)
		},
	}
	f.requestFlags.addFlags(cmd, "the sends")
	s := cmd.Flags()
	s.StringVar(&f.id, "id", "", "the send of this id; needs --recipient")
	s.StringVar(&f.recipient, "recipient", "", "the recipient of the send that --id names")
	s.StringVar(&f.before, "before", "", "what was published before this time (RFC 3339); of an app as a whole the default is now")
	s.DurationVar(&f.stand, "for", 0, "how long it stands (default: as long as the topics of sends keep records)")
	s.BoolVar(&f.undo, "undo", false, "take a cancel back: it must be named as it was given")
	s.BoolVar(&f.list, "list", false, "show the cancels that stand")
	return cmd
}

// cancel makes what the flags say.
func (f *cancelFlags) cancel(now time.Time) (*controlv1.Cancel, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	switch {
	case f.list:
	case f.app == "":
		return nil, usagef("--app is needed: whose sends are canceled")
	case (f.id == "") != (f.recipient == ""):
		return nil, usagef("--id and --recipient go together: an id is unique per app and recipient")
	case f.id != "" && f.campaign != "":
		return nil, usagef("give either --id or --campaign")
	case f.undo && f.before != "":
		return nil, usagef("--undo takes the cancel back whatever its --before was: leave it out")
	case f.stand < 0:
		return nil, usagef("--for must be more than 0s")
	}
	c := &controlv1.Cancel{Id: newRequest(), App: f.app, Campaign: f.campaign, Recipient: f.recipient, SendId: f.id}
	switch {
	case f.before != "":
		at, err := time.Parse(time.RFC3339, f.before)
		if err != nil {
			return nil, usagef("--before %q is no time: give one as in %s", f.before, now.UTC().Format(time.RFC3339))
		}
		c.BeforeMs = at.UnixMilli()
	case f.id == "" && f.campaign == "":
		c.BeforeMs = now.UnixMilli()
	}
	c.AnswerUntilMs = f.answerUntil()
	return c, nil
}

func (f *cancelFlags) run(cmd *cobra.Command, c *controlv1.Cancel) error {
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	if f.undo || f.list {
		return f.undoOrList(cmd, client, cfg, c)
	}
	stand := f.stand
	if stand == 0 {
		stand = cfg.Kafka.Topics.Retention.Sends
	}
	c.UntilMs = time.Now().Add(stand).UnixMilli()
	r := f.record()
	r.Object = &controlv1.Record_Cancel{Cancel: c}
	got, err := f.ask(cmd.Context(), client, cfg, r)
	if err != nil {
		return fmt.Errorf("%w; it is safe to try again", err)
	}
	return f.conclude(cmd, got)
}

// conclude shows what became of the cancel.
func (f *cancelFlags) conclude(cmd *cobra.Command, got counts) error {
	switch {
	case !f.wait:
		fmt.Fprintln(cmd.ErrOrStderr(), "it stands, and every node carries it out")
		return nil
	case f.json:
		if err := printJSON(cmd.OutOrStdout(), got); err != nil {
			return err
		}
	default:
		if err := got.print(cmd, "canceled"); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "canceled: %d, too late: %d\n", got.Sends, got.Late)
	}
	if !got.Done {
		return &exit{codeTimeout, fmt.Errorf("so far; %s: are all nodes running, and ready (/readyz)? The cancel stands, and is carried out", got.left())}
	}
	return nil
}

// undoOrList is about cancels that stand.
func (f *cancelFlags) undoOrList(cmd *cobra.Command, client *kafka.Client, cfg *config.Config, like *controlv1.Cancel) error {
	now := time.Now().UnixMilli()
	found, err := standing(cmd.Context(), client, cfg, func(r *controlv1.Record) bool {
		c := r.GetCancel()
		return c != nil && !c.Undone && c.UntilMs > now && (f.list && f.app == "" || sameCancel(c, like))
	})
	if err != nil {
		return err
	}
	if f.list {
		return listCancels(cmd, found, f.json)
	}
	if len(found) == 0 {
		return fmt.Errorf("no such cancel stands: `carillon cancel --list` shows those that do")
	}
	for i, r := range found {
		undone := f.record()
		c := proto.Clone(r.GetCancel()).(*controlv1.Cancel)
		c.Undone = true
		undone.Object = &controlv1.Record_Cancel{Cancel: c}
		found[i] = undone
	}
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), f.timeout, errTimeout)
	defer cancel()
	if err := takeBack(ctx, client, cfg, found...); err != nil {
		return fmt.Errorf("%w; it is safe to try again", err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "undone: %d\n", len(found))
	return nil
}

// sameCancel says whether two are about the same sends, times apart.
func sameCancel(a, b *controlv1.Cancel) bool {
	return a.App == b.App && a.Campaign == b.Campaign && a.Recipient == b.Recipient && a.SendId == b.SendId
}

// standingCancel is a cancel that stands, as JSON.
type standingCancel struct {
	App       string    `json:"app"`
	Campaign  string    `json:"campaign,omitempty"`
	Recipient string    `json:"recipient,omitempty"`
	ID        string    `json:"id,omitempty"`
	Before    string    `json:"before,omitempty"`
	Until     time.Time `json:"until"`
	By        string    `json:"by"`
	Reason    string    `json:"reason,omitempty"`
	At        time.Time `json:"at"`
}

func listCancels(cmd *cobra.Command, found []*controlv1.Record, json bool) error {
	rows := [][]string{{"APP", "CAMPAIGN", "RECIPIENT", "ID", "BEFORE", "UNTIL", "BY", "REASON"}}
	for _, r := range found {
		c := r.GetCancel()
		s := standingCancel{
			App: c.App, Campaign: c.Campaign, Recipient: c.Recipient, ID: c.SendId, Until: time.UnixMilli(c.UntilMs).UTC(),
			By: r.By, Reason: r.Reason, At: time.UnixMilli(r.AtMs).UTC(),
		}
		if c.BeforeMs > 0 {
			s.Before = time.UnixMilli(c.BeforeMs).UTC().Format(time.RFC3339)
		}
		if json {
			if err := printJSON(cmd.OutOrStdout(), s); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{
			s.App, dash(s.Campaign), dash(s.Recipient), dash(s.ID), dash(s.Before), s.Until.Format(time.RFC3339), s.By, dash(s.Reason),
		})
	}
	if json {
		return nil
	}
	return table(cmd.OutOrStdout(), rows)
}
