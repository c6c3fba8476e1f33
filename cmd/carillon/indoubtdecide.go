package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

type decideFlags struct {
	doubts
	operator
	decision  controlv1.Decision
	all, wait bool
	json      bool
	timeout   time.Duration
}

func newResend() *cobra.Command {
	f := &decideFlags{decision: controlv1.Decision_DECISION_RESEND}
	return f.command(&cobra.Command{
		Use:   "resend ID...|--all",
		Short: "Attempt them once more",
		Long: `Attempt sends that are in doubt once more: the provider has said that it does
not have them, or twice is better than never. The attempt has the same key as
the one before. If its answer is lost as well, the send is in doubt again.

` + decideLong,
		Example: `  carillon indoubt resend order-17
  carillon indoubt resend --all --channel sms --reason "their outage from 9 to 10"`,
	})
}

func newDrop() *cobra.Command {
	f := &decideFlags{decision: controlv1.Decision_DECISION_DROP}
	return f.command(&cobra.Command{
		Use:   "drop ID...|--all",
		Short: "Let them end as unknown",
		Long: `Attempt sends that are in doubt no more: each ends with the outcome "unknown"
now, with the reason operator/dropped.

` + decideLong,
		Example: `  carillon indoubt drop order-17 --reason "the customer has it"
  carillon indoubt drop --all --channel sms`,
	})
}

const decideLong = `An ID is that of a send as "carillon indoubt list" shows it. Where several sends
have it, --app and --recipient say which one.

The command waits for the status event of each that shows that it was done, and
says of which it was too late, because they had ended. Exit code 1 says that
there were such, 3 that no node has taken a decision in time: it stands, and is
carried out when one does.`

func (f *decideFlags) command(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case f.all == (len(args) > 0):
			return usagef("give either IDs, as `carillon indoubt list` shows them, or --all")
		case f.timeout <= 0:
			return usagef("--timeout must be more than 0s")
		}
		if err := f.operator.check(); err != nil {
			return err
		}
		return f.run(cmd, args)
	}
	f.doubts.addFlags(cmd)
	f.operator.addFlags(cmd, "why, for the audit")
	cmd.Flags().BoolVar(&f.all, "all", false, "all of them, or those that --app, --recipient and --channel choose")
	cmd.Flags().BoolVar(&f.wait, "wait", true, "wait until it is done")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "wait no longer than this")
	cmd.Flags().BoolVar(&f.json, "json", false, "write what became of each as JSON, one object per line")
	return cmd
}

func (f *decideFlags) run(cmd *cobra.Command, ids []string) error {
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	found, err := f.find(cmd, client, cfg)
	if err != nil {
		return err
	}
	chosen, missing, err := pick(found, ids)
	if err != nil {
		return err
	}
	for _, id := range missing {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s is not in doubt: it has ended, or never was\n", id)
	}
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), f.timeout, errTimeout)
	defer cancel()
	w := f.newWatch(cmd, chosen)
	if f.wait { // from before the decision, so that no event is missed
		if err := w.begin(ctx, client, cfg); err != nil {
			return err
		}
	}
	if err := f.publish(ctx, client, cfg, chosen); err != nil {
		return err
	}
	if !f.wait {
		fmt.Fprintf(cmd.ErrOrStderr(), "decided: %d\n", len(chosen))
	} else if err := w.await(ctx, client); err != nil {
		return err
	}
	if len(missing) > 0 || w.late > 0 {
		return errSaid
	}
	return nil
}

// pick returns the sends with those ids, all without ids, and the ids that none
// has. An id that several have is an error.
func pick(found []doubtful, ids []string) (chosen []doubtful, missing []string, err error) {
	if len(ids) == 0 {
		return found, nil, nil
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		var with []doubtful
		for _, d := range found {
			if d.ID == id {
				with = append(with, d)
			}
		}
		switch len(with) {
		case 0:
			missing = append(missing, id)
		case 1:
			chosen = append(chosen, with[0])
		default:
			var who []string
			for _, d := range with {
				who = append(who, fmt.Sprintf("--app %s --recipient %s", d.App, d.Recipient))
			}
			return nil, nil, fmt.Errorf("%d sends in doubt have the id %s: choose with %s", len(with), id, strings.Join(who, ", or "))
		}
	}
	return chosen, missing, nil
}

func (f *decideFlags) publish(ctx context.Context, client *kafka.Client, cfg *config.Config, chosen []doubtful) error {
	if _, err := partitions(ctx, client, cfg.Topic("control")); err != nil {
		return err
	}
	records := make([]*controlv1.Record, len(chosen))
	for i, d := range chosen {
		records[i] = f.record()
		records[i].Object = &controlv1.Record_Doubt{Doubt: &controlv1.Doubt{
			App: d.App, Recipient: d.Recipient, Id: d.ID, Attempt: d.Attempt, Decision: f.decision,
		}}
	}
	err := control.Publish(ctx, client, cfg.Topic("control"), records...)
	if errors.Is(context.Cause(ctx), errTimeout) {
		return fmt.Errorf("%w; it is safe to try again", err)
	}
	return err
}
