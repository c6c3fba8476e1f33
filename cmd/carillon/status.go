package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

type statusFlags struct {
	cluster
	app, recipient, since string
	json                  bool
}

func newStatus() *cobra.Command {
	f := &statusFlags{}
	cmd := &cobra.Command{
		Use:   "status ID",
		Short: "Show the events of one send, in order",
		Long: `Show all status events of the send with that id, in order, from the topic
"status".

An id is unique for one app and recipient. With --recipient one partition is
read, without it all of them, from --since on; the progress shows on the
standard error. How far back the events reach is the topic's retention.

Exit code 1 says that there is no event: the send may still be on its way, its
events gone, or its record invalid (see "carillon invalid list").`,
		Example: `  carillon status order-17 --app shop --recipient u1
  carillon status 0199c2a4-7f3e-7cc1-a1b2-0123456789ab --since 1h --json`,
		Args: oneArg("the id of a send"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.addFlags(cmd)
	cmd.Flags().StringVar(&f.app, "app", "", "app of the send (default: any)")
	cmd.Flags().StringVar(&f.recipient, "recipient", "", "recipient's id: reads one partition instead of all")
	cmd.Flags().StringVar(&f.since, "since", "", "read from then on: a time (RFC 3339), or a duration ago, as in 1h (default: all)")
	cmd.Flags().BoolVar(&f.json, "json", false, "write the events as JSON, one per line")
	return cmd
}

func (f *statusFlags) run(cmd *cobra.Command, id string) error {
	since, err := ago("--since", f.since, time.Now())
	if err != nil {
		return err
	}
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	seen := map[string]bool{} // events that were published twice
	show := func(r *kafka.Record) {
		e := readEvent(r)
		if e == nil || !f.wants(e, id) || seen[e.EventId] {
			return
		}
		if len(seen) == 0 && !f.json {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, app %s, recipient %s\n", e.Id, e.App, e.Recipient)
		}
		seen[e.EventId] = true
		printEvent(cmd.OutOrStdout(), e, f.json)
	}
	err = scanFor(cmd, client, cfg.Topic("status"), f.recipient, since, func(_ kafka.Partition, r *kafka.Record) { show(r) })
	if err != nil {
		return err
	}
	if len(seen) == 0 {
		return fmt.Errorf("no event of a send %q: it may still be on its way, older than the topic's retention, "+
			"or invalid (`carillon invalid list`); check --app and --recipient", id)
	}
	return nil
}

func (f *statusFlags) wants(e *carillonv1.Status, id string) bool {
	return e.Id == id && (f.app == "" || e.App == f.app) && (f.recipient == "" || e.Recipient == f.recipient)
}

// ago reads a time, or a duration before now. Empty is the zero time.
func ago(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := config.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usagef("%s %q is no time: give RFC 3339, such as %s, or a duration, such as 1h or 7d", flag, text, now.UTC().Format(time.RFC3339))
	}
	return t, nil
}
