package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/suppress"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// addition is what an operator says of whom to suppress.
type addition struct {
	suppressions
	operator
	code, until string
}

func (f *addition) addFlags(cmd *cobra.Command) {
	f.suppressions.addFlags(cmd, "suppress them for sends")
	f.operator.addFlags(cmd, "why, for the audit; no address")
	cmd.Flags().StringVar(&f.code, "code", suppress.Blocked.String(), "why, as their sends' status has it: opted_out, blocked or address_dead")
	cmd.Flags().StringVar(&f.until, "until", "", "how long, as in 90d, or a time (RFC 3339) (default: for ever)")
	completeNames(cmd, "code", func() []string { return []string{"opted_out", "blocked", "address_dead"} })
}

// entry is a suppression without whom it is of.
func (f *addition) entry(scope scopeFlags, code, until, reason string, now time.Time) (e suppress.Entry, err error) {
	if e.Scope, err = scope.scope(); err != nil {
		return e, err
	}
	why, ok := suppress.ParseCode(code)
	if !ok {
		return e, usagef("code %q is none: give opted_out, blocked or address_dead", code)
	}
	e.Suppression = &controlv1.Suppression{Because: controlv1.Because(why), AtMs: now.UnixMilli(), By: f.by, Reason: reason}
	e.UntilMs, err = untilMs(until, now)
	return e, err
}

func untilMs(text string, now time.Time) (int64, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if d, ok := config.ParseDuration(text); ok == nil {
		at, err = now.Add(d), nil
	}
	if err != nil {
		return 0, usagef("until %q is no time: give a duration, such as 90d, or RFC 3339, such as %s", text, now.UTC().Format(time.RFC3339))
	}
	if !at.After(now) {
		return 0, usagef("until %q is past: it would suppress nobody", text)
	}
	return at.UnixMilli(), nil
}

func newSuppressionAdd() *cobra.Command {
	f := &addition{}
	var recipients []string
	cmd := &cobra.Command{
		Use:   "add [ADDRESS...]",
		Short: "Suppress addresses or recipients",
		Long: `Suppress addresses or recipients: for all sends, or those of --app, by --channel
and of --class. An address is that of mail, a phone number, a URL, a token or a
chat id; it is hashed here, and not kept. One that stands for the same sends
already is replaced.

What has reached a plugin goes out; all else is looked at again.`,
		Example: `  carillon suppression add ana@example.com --class marketing --code opted_out
  carillon suppression add --recipient u1 --app shop --until 30d --reason "asked for a pause"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.operator.check(); err != nil {
				return err
			}
			e, err := f.entry(f.scopeFlags, f.code, f.until, f.reason, time.Now())
			if err != nil {
				return err
			}
			all, err := subjects(args, recipients)
			if err != nil {
				return err
			}
			client, topic, key, err := f.open(cmd)
			if err != nil {
				return err
			}
			defer client.Close()
			records := make([]kafka.Record, len(all))
			e.Key = key.Check
			for i, s := range all {
				e.Kind, e.Hash = s.kind, s.hash(key.NewHasher())
				if records[i], err = e.Record(); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n", records[i].Key)
			}
			if err := client.Write(cmd.Context(), topic, records); err != nil {
				return fmt.Errorf("%w; it is safe to try again", err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "suppressed: %d\n", len(records))
			return nil
		},
	}
	f.addFlags(cmd)
	cmd.Flags().StringSliceVar(&recipients, "recipient", nil, "a recipient's id")
	return cmd
}

func newSuppressionRemove() *cobra.Command {
	f := &suppressions{}
	var recipients []string
	var lapsed bool
	cmd := &cobra.Command{
		Use:   "remove [ADDRESS|KEY...]",
		Short: "Let sends go to somebody again",
		Long: `Remove what stands against addresses or recipients: all of it, or what is about
exactly the sends that --app, --channel and --class name ("*" is what is about
all of them). A KEY, as "carillon suppression list" shows it, is one of them.
--lapsed removes what holds no longer, of everybody: it still takes room in
Kafka.

Sends that have ended as "suppressed" stay ended. Exit code 1 says that nothing
stood.`,
		Example: `  carillon suppression remove ana@example.com --channel email --config carillon.yaml
  carillon suppression remove --recipient u1`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if lapsed {
				if len(args)+len(recipients) > 0 {
					return usagef("--lapsed is about everybody: give it without addresses")
				}
				return f.removeLapsed(cmd)
			}
			var records []kafka.Record
			var addresses []string
			for _, arg := range args {
				if e, ok := suppress.ParseKey(arg); ok {
					records = append(records, e.Tombstone())
				} else {
					addresses = append(addresses, arg)
				}
			}
			if len(addresses)+len(recipients) > 0 || len(records) == 0 {
				found, _, err := f.lookUp(cmd, addresses, recipients, f.chosen)
				if err != nil {
					return err
				}
				for _, e := range found {
					records = append(records, e.Tombstone())
				}
			}
			if len(records) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "nothing stood against them")
				return errSaid
			}
			return f.write(cmd, records)
		},
	}
	f.addFlags(cmd, "only what is about sends")
	cmd.Flags().StringSliceVar(&recipients, "recipient", nil, "a recipient's id")
	cmd.Flags().BoolVar(&lapsed, "lapsed", false, "all that holds no longer")
	return cmd
}

func (f *suppressions) removeLapsed(cmd *cobra.Command) error {
	if _, err := f.scope(); err != nil {
		return err
	}
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	found, err := allSuppressed(cmd, client, cfg.Topic("suppressions"), func(e *suppress.Entry) bool { return f.chosen(e.Scope) })
	if err != nil {
		return err
	}
	var records []kafka.Record
	now := time.Now()
	for _, e := range found {
		if e.LapsedAt(now) {
			records = append(records, e.Tombstone())
		}
	}
	return f.write(cmd, records)
}

func (f *suppressions) write(cmd *cobra.Command, tombstones []kafka.Record) error {
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Write(cmd.Context(), cfg.Topic("suppressions"), tombstones); err != nil {
		return fmt.Errorf("%w; it is safe to try again", err)
	}
	for _, r := range tombstones {
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n", r.Key)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "removed: %d\n", len(tombstones))
	return nil
}
