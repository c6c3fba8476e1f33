package main

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/suppress"
)

// suppressed is a suppression, for people and programs.
type suppressed struct {
	Key    string `json:"key"` // of its record: what `remove` takes
	Kind   string `json:"kind"`
	Hash   string `json:"hash"`
	Scope  string `json:"scope"`
	Code   string `json:"code"`
	At     string `json:"at"`
	Until  string `json:"until,omitempty"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	Lapsed bool   `json:"lapsed,omitempty"`
	// Foreign says that it is under another key than this command's.
	Foreign bool `json:"foreign,omitempty"`
}

func newSuppressed(e *suppress.Entry, key *suppress.Key) suppressed {
	s := suppressed{
		Key: string(e.RecordKey()), Kind: e.Kind.String(), Hash: hex.EncodeToString(e.Hash[:]), Scope: e.Scope.String(),
		Code: e.Code().String(), At: time.UnixMilli(e.AtMs).UTC().Format(time.RFC3339), By: e.By, Reason: e.Reason,
		Lapsed: e.LapsedAt(time.Now()), Foreign: key != nil && e.Suppression.Key != key.Check,
	}
	if e.UntilMs != 0 {
		s.Until = time.UnixMilli(e.UntilMs).UTC().Format(time.RFC3339)
	}
	return s
}

func printSuppressed(cmd *cobra.Command, found map[string]*suppress.Entry, key *suppress.Key, asJSON bool) error {
	rows := [][]string{{"KEY", "CODE", "SINCE", "UNTIL", "BY", "REASON", ""}}
	for _, k := range slices.Sorted(maps.Keys(found)) {
		s := newSuppressed(found[k], key)
		if asJSON {
			if err := printJSON(cmd.OutOrStdout(), s); err != nil {
				return err
			}
			continue
		}
		note := ""
		if s.Lapsed {
			note = "lapsed"
		} else if s.Foreign {
			note = "under another key"
		}
		rows = append(rows, []string{s.Key, s.Code, s.At, dash(s.Until), dash(s.By), dash(s.Reason), note})
	}
	if asJSON {
		return nil
	}
	return table(cmd.OutOrStdout(), rows)
}

func newSuppressionList() *cobra.Command {
	f := &suppressions{}
	var code string
	var asJSON, lapsed bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is suppressed, by its hashes",
		Long: `List what is suppressed: the hash of whom, for which sends (app/channel/class),
why, until when, and who has said so. Addresses are not kept, so none is shown:
"carillon suppression check" finds one. It reads all of the topic "suppressions"
into memory. What has lapsed is left out without --lapsed.`,
		Example: `  carillon suppression list --app shop --code address_dead
  carillon suppression list --json --config carillon.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := f.scope(); err != nil {
				return err
			}
			if _, ok := suppress.ParseCode(code); code != "" && !ok {
				return usagef("--code %q is none: give opted_out, blocked or address_dead", code)
			}
			client, cfg, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			now := time.Now()
			found, err := allSuppressed(cmd, client, cfg.Topic("suppressions"), func(*suppress.Entry) bool { return true })
			if err != nil {
				return err
			}
			maps.DeleteFunc(found, func(_ string, e *suppress.Entry) bool {
				return !f.chosen(e.Scope) || code != "" && e.Code().String() != code || !lapsed && e.LapsedAt(now)
			})
			key, err := f.secret(cfg)
			if err != nil {
				key = nil // it is not needed to list them
			}
			return printSuppressed(cmd, found, key, asJSON)
		},
	}
	f.addFlags(cmd, "only those that are about sends")
	cmd.Flags().StringVar(&code, "code", "", "only those because of this: opted_out, blocked or address_dead")
	cmd.Flags().BoolVar(&lapsed, "lapsed", false, "also those that hold no longer")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	return cmd
}

func newSuppressionCheck() *cobra.Command {
	f := &suppressions{}
	var recipients []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [ADDRESS...]",
		Short: "Say whether somebody is suppressed, and why",
		Long: `Say whether addresses or recipients are suppressed: every entry that holds, or
those of them that sends of --app, by --channel and of --class come under. What
is about a channel or class that the flags leave out is shown as well.

It reads all of the topic "suppressions". Exit code 1 says that somebody is
suppressed.`,
		Example: `  carillon suppression check ana@example.com +351912345678 --config carillon.yaml
  carillon suppression check --recipient u1 --app shop --class marketing`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, key, err := f.lookUp(cmd, args, recipients, f.covers)
			if err != nil {
				return err
			}
			now := time.Now()
			maps.DeleteFunc(found, func(_ string, e *suppress.Entry) bool { return e.LapsedAt(now) })
			if len(found) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "not suppressed")
				return nil
			}
			if err := printSuppressed(cmd, found, key, asJSON); err != nil {
				return err
			}
			return errSaid
		},
	}
	f.addFlags(cmd, "only what stands against sends")
	cmd.Flags().StringSliceVar(&recipients, "recipient", nil, "a recipient's id")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	return cmd
}

// covers says whether a suppression may stand against sends as the flags have
// them.
func (s scopeFlags) covers(scope suppress.Scope) bool {
	class := strings.TrimPrefix(scope.String(), scope.App+"/"+scope.Channel+"/")
	for _, c := range []struct{ want, has string }{{s.app, scope.App}, {s.channel, scope.Channel}, {s.class, class}} {
		if c.want != "" && c.has != suppress.Any && c.want != c.has {
			return false
		}
	}
	return true
}

// lookUp finds what there is about subjects.
func (f *suppressions) lookUp(cmd *cobra.Command, addresses, recipients []string, of func(suppress.Scope) bool,
) (map[string]*suppress.Entry, *suppress.Key, error) {
	if _, err := f.scope(); err != nil {
		return nil, nil, err
	}
	all, err := subjects(addresses, recipients)
	if err != nil {
		return nil, nil, err
	}
	client, topic, key, err := f.open(cmd)
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	type who struct {
		kind suppress.Kind
		hash suppress.Hash
	}
	wanted, hasher := map[who]bool{}, key.NewHasher()
	for _, s := range all {
		wanted[who{s.kind, s.hash(hasher)}] = true
	}
	found, err := allSuppressed(cmd, client, topic, func(e *suppress.Entry) bool { return wanted[who{e.Kind, e.Hash}] && of(e.Scope) })
	return found, key, err
}
