package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

type pauseFlags struct {
	requestFlags
	channel, account string
}

func newPause() *cobra.Command {
	f := &pauseFlags{}
	cmd := &cobra.Command{
		Use:   "pause --app APP [--campaign C] | --channel X [--account Y]",
		Short: "Keep the sends of a campaign, an app or a channel from going",
		Long: `Pause a campaign, an app, a channel, or one account of a channel. Its sends are
not attempted until "carillon resume" names the same: what waits in lanes is
taken back, and all of it is parked, with the reason operator/paused. What is at
the plugin goes on. Sends expire all the same.

A pause stands until it is resumed. Paused sends are kept in "ledger" and on the
nodes' disks; they do not count for engine.park_limit.

The command waits until every shard goes by it. Exit code 3 says that not all do
in time: the pause stands. What "carillon indoubt resend" sends again goes at
once, paused or not.`,
		Example: `  carillon pause --app shop --campaign spring --reason "the link is wrong"
  carillon pause --channel sms --account main
  carillon pause --list`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, false) },
	}
	f.addFlags(cmd)
	cmd.Flags().BoolVar(&f.list, "list", false, "show what is paused")
	return cmd
}

func newResume() *cobra.Command {
	f := &pauseFlags{}
	cmd := &cobra.Command{
		Use:   "resume --app APP [--campaign C] | --channel X [--account Y]",
		Short: "Let go on what was paused",
		Long: `Let sends go on that "carillon pause" keeps: it takes the flags that were given
there. They come back no faster than their lanes take them, those that expire
first before the others.

What something else keeps as well, say the pause of their channel, goes on being
kept.`,
		Example: "  carillon resume --app shop --campaign spring\n  carillon resume --channel sms --account main",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd, true) },
	}
	f.addFlags(cmd)
	return cmd
}

func (f *pauseFlags) addFlags(cmd *cobra.Command) {
	f.requestFlags.addFlags(cmd, "the sends")
	cmd.Flags().StringVar(&f.channel, "channel", "", "the sends by this channel")
	cmd.Flags().StringVar(&f.account, "account", "", "of the channel those by this account")
	completeNames(cmd, "channel", f.channelNames)
}

// pause makes what the flags say.
func (f *pauseFlags) pause() (*controlv1.Pause, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	switch {
	case f.list:
	case f.account != "" && f.channel == "":
		return nil, usagef("--account needs --channel: an account is one channel's")
	case (f.app == "") == (f.channel == ""):
		return nil, usagef("give either --app, with or without --campaign, or --channel, with or without --account")
	}
	return &controlv1.Pause{
		Id: newRequest(), App: f.app, Campaign: f.campaign, Channel: f.channel, Account: f.account, AnswerUntilMs: f.answerUntil(),
	}, nil
}

func (f *pauseFlags) run(cmd *cobra.Command, resume bool) error {
	p, err := f.pause()
	if err != nil {
		return err
	}
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	stands, err := standing(cmd.Context(), client, cfg, func(r *controlv1.Record) bool { return r.GetPause() != nil && !r.GetPause().Over })
	if err != nil {
		return err
	}
	if f.list {
		return listPauses(cmd, stands, f.json)
	}
	paused := slices.ContainsFunc(stands, func(r *controlv1.Record) bool { return control.PauseKey(r.GetPause()) == control.PauseKey(p) })
	if resume && !paused {
		return fmt.Errorf("that is not paused: `carillon pause --list` shows what is")
	}
	return f.carryOut(cmd, client, cfg, p, resume)
}

func (f *pauseFlags) carryOut(cmd *cobra.Command, client *kafka.Client, cfg *config.Config, p *controlv1.Pause, resume bool) error {
	did := "paused"
	if p.Over = resume; resume {
		did = "resumed"
	}
	r := f.record()
	r.Object = &controlv1.Record_Pause{Pause: p}
	got, err := f.ask(cmd.Context(), client, cfg, r)
	if err == nil && resume {
		err = control.Forget(cmd.Context(), client, cfg.Topic("control"), control.KeyOf(r))
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w; it is safe to try again", err)
	case f.json && f.wait:
		if err := printJSON(cmd.OutOrStdout(), got); err != nil {
			return err
		}
	case !f.wait || resume:
		fmt.Fprintln(cmd.ErrOrStderr(), did)
	default:
		fmt.Fprintf(cmd.ErrOrStderr(), "%s; sends that wait for it so far: %d\n", did, got.Sends)
	}
	if f.wait && !got.Done {
		return &exit{codeTimeout, fmt.Errorf("%s: are all nodes running, and ready (/readyz)? It stands, and nodes go by it as they read it", got.left())}
	}
	return nil
}

// standingPause is a pause that stands, as JSON.
type standingPause struct {
	App      string    `json:"app,omitempty"`
	Campaign string    `json:"campaign,omitempty"`
	Channel  string    `json:"channel,omitempty"`
	Account  string    `json:"account,omitempty"`
	By       string    `json:"by"`
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
}

func listPauses(cmd *cobra.Command, found []*controlv1.Record, json bool) error {
	rows := [][]string{{"APP", "CAMPAIGN", "CHANNEL", "ACCOUNT", "SINCE", "BY", "REASON"}}
	for _, r := range found {
		p := r.GetPause()
		s := standingPause{p.App, p.Campaign, p.Channel, p.Account, r.By, r.Reason, time.UnixMilli(r.AtMs).UTC()}
		if json {
			if err := printJSON(cmd.OutOrStdout(), s); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{dash(s.App), dash(s.Campaign), dash(s.Channel), dash(s.Account), s.At.Format(time.RFC3339), s.By, dash(s.Reason)})
	}
	if json {
		return nil
	}
	return table(cmd.OutOrStdout(), rows)
}
