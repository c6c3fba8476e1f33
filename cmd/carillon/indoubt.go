package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

const indoubtLong = `A send is in doubt when the answer to an attempt was lost: it may have reached
the recipient, or not. A channel with "on_unknown: hold" then holds it, with a
status event "in_doubt", and somebody who can ask the provider decides: attempt
it once more (resend), or let it end as "unknown" (drop). What nobody decides
ends as "unknown" by itself, after the channel's hold_for.

What is decided stands in the topic "control" until the node that owns the
recipient has carried it out; none need run meanwhile. A decision is about one
attempt: should the next answer be lost as well, it is asked again. Of several
about one attempt the last one counts, as long as none is carried out.`

func newInDoubt() *cobra.Command {
	return group(&cobra.Command{
		Use:   "indoubt",
		Short: "See and decide the sends that may have been sent",
		Long:  indoubtLong,
		Example: `  carillon indoubt list --channel sms
  carillon indoubt resend order-17 order-18
  carillon indoubt drop --all --channel sms --reason "the provider's list has them"`,
	}, newInDoubtList(), newResend(), newDrop())
}

// doubtful is a send that is held in doubt, as a row of the ledger has it.
type doubtful struct {
	ID        string    `json:"id"`
	App       string    `json:"app"`
	Recipient string    `json:"recipient"`
	Channel   string    `json:"channel"`
	Account   string    `json:"account"`
	Attempt   uint32    `json:"attempt"` // whose answer was lost
	Since     time.Time `json:"since"`
	Ends      time.Time `json:"ends"` // by itself
	Reason    string    `json:"reason"`
	Shard     int32     `json:"shard"`
}

// doubts is which sends in doubt a command is about.
type doubts struct {
	cluster
	app, recipient, channel string
}

func (d *doubts) addFlags(cmd *cobra.Command) {
	d.cluster.addFlags(cmd)
	cmd.Flags().StringVar(&d.app, "app", "", "only those of this app")
	cmd.Flags().StringVar(&d.recipient, "recipient", "", "only those to this recipient's id: reads one partition instead of all")
	cmd.Flags().StringVar(&d.channel, "channel", "", "only those of this channel")
	completeNames(cmd, "channel", d.channelNames)
}

// find reads the ledger, and returns what is in doubt and chosen, the oldest
// first.
func (d *doubts) find(cmd *cobra.Command, client *kafka.Client, cfg *config.Config) ([]doubtful, error) {
	rows := map[string]doubtful{}
	each := func(p kafka.Partition, r *kafka.Record) {
		row, ok := newDoubtful(p.Index, r)
		if ok && d.wants(&row) {
			rows[string(r.Key)] = row
		} else {
			delete(rows, string(r.Key)) // the last record of a key counts
		}
	}
	if err := scanFor(cmd, client, cfg.Topic("ledger"), d.recipient, time.Time{}, each); err != nil {
		return nil, err
	}
	found := make([]doubtful, 0, len(rows))
	for _, row := range rows {
		found = append(found, row)
	}
	slices.SortFunc(found, func(a, b doubtful) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.ID+a.App+a.Recipient, b.ID+b.App+b.Recipient)
	})
	return found, nil
}

func (d *doubts) wants(row *doubtful) bool {
	return (d.app == "" || d.app == row.App) && (d.recipient == "" || d.recipient == row.Recipient) &&
		(d.channel == "" || d.channel == row.Channel)
}

// newDoubtful reads a record of the ledger; false says that it holds nothing in
// doubt.
func newDoubtful(shard int32, r *kafka.Record) (doubtful, bool) {
	var p ledgerv1.Parked
	if r.Value == nil || p.UnmarshalVT(r.Value) != nil || !p.Held || p.Open {
		return doubtful{}, false
	}
	return doubtful{
		ID: p.Send.GetId(), App: p.Send.GetApp(), Recipient: p.Send.GetTo().GetId(), Channel: p.Channel, Account: p.Account,
		Attempt: p.Attempt, Since: r.Time, Ends: time.UnixMilli(p.DueMs),
		Reason: strings.Trim(p.Reason.GetClass()+"/"+p.Reason.GetCode(), "/"), Shard: shard,
	}, true
}

func newInDoubtList() *cobra.Command {
	d := &doubts{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List them, the oldest first",
		Long: `List the sends that are held in doubt, the oldest first: whose attempt has lost
its answer, since when, and when it ends by itself. It reads the topic "ledger",
all partitions of it without --recipient. No address is shown.`,
		Example: `  carillon indoubt list
  carillon indoubt list --channel sms --app shop --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, cfg, err := d.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			found, err := d.find(cmd, client, cfg)
			if err != nil {
				return err
			}
			return printDoubtful(cmd, found, asJSON)
		},
	}
	d.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	return cmd
}

func printDoubtful(cmd *cobra.Command, found []doubtful, asJSON bool) error {
	rows := [][]string{{"ID", "APP", "RECIPIENT", "CHANNEL", "ACCOUNT", "ATTEMPT", "SINCE", "ENDS", "REASON"}}
	for _, d := range found {
		if asJSON {
			if err := printJSON(cmd.OutOrStdout(), d); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{
			d.ID, d.App, d.Recipient, d.Channel, d.Account, strconv.Itoa(int(d.Attempt)),
			d.Since.Local().Format(time.DateTime), d.Ends.Local().Format(time.DateTime), dash(d.Reason),
		})
	}
	if asJSON {
		return nil
	}
	return table(cmd.OutOrStdout(), rows)
}
