package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

type sendFlags struct {
	cluster
	channels, to, fallback []string
	app, recipient, id     string
	title, text, html      string
	class, campaign, data  string
	collapse               string
	sendAt, expiresAt      string
	bulk, test, wait, json bool
	timeout                time.Duration
}

const sendLong = `Publish one send, and with --wait follow it to its outcome.

The kind of an address is told from its form: ana@example.com is email,
+351912345678 a phone, https://... a webhook. Give --to once per kind to let the
engine choose among several --channel, and take the next one when one has failed
for good. Without --recipient the recipient's id
is the first 32 hex digits of the SHA-256 of the first --to, so that the same
address is the same recipient; without --id the send gets a UUIDv7.

The send is held against the contract before it is published. Which channels
and accounts there are, and whether it expires in time, only the engine says:
its outcome does. With --wait each status event is printed as it comes:
progress, then exactly one outcome.

Exit codes: 0 the outcome is sent (without --wait: it is published), 1 it is
another outcome or publishing failed, 2 wrong usage, 3 there was no outcome
within --timeout; the send then goes on, and "carillon status" shows it.`

func newSend() *cobra.Command {
	f := &sendFlags{}
	cmd := &cobra.Command{
		Use:   "send --channel NAME [--to ADDRESS]",
		Short: "Publish one send, and follow it to its outcome",
		Long:  sendLong,
		Example: `  carillon send --channel email --to ana@example.com --title Hi --text "Olá" --wait
  carillon send --channel webhook --to https://example.com/hook --data '{"order":17}' --app shop --id order-17
  carillon send --channel webhook --channel email --to https://example.com/hook --to ana@example.com --text Hello --wait
  carillon send --channel sink --recipient u1 --text "Nothing leaves the house" --wait --json
  carillon send --channel email --to ana@example.com --text Later --send-at 10m --expires-at 2h`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := f.message(time.Now())
			if err != nil {
				return err
			}
			return f.publish(cmd, m)
		},
	}
	f.addFlags(cmd)
	return cmd
}

func (f *sendFlags) addFlags(cmd *cobra.Command) {
	f.cluster.addFlags(cmd)
	s := cmd.Flags()
	s.StringVar(&f.app, "app", "default", "app that the send belongs to")
	s.StringArrayVar(&f.channels, "channel", nil, "channel by name, or @ and the name of a route; repeat it in order of preference")
	s.StringSliceVar(&f.fallback, "fallback-on", nil, "when the next --channel is taken: "+strings.Join(send.FallbackOn, ", ")+" (default: as the engine is configured)")
	s.StringArrayVar(&f.to, "to", nil, "address: an email address, +phone or URL; repeat it for other kinds")
	s.StringVar(&f.recipient, "recipient", "", "recipient's id (default: a hash of the first --to)")
	s.StringVar(&f.title, "title", "", "subject or heading")
	s.StringVar(&f.text, "text", "", "body, as plain text")
	s.StringVar(&f.html, "html", "", "body, as HTML")
	s.StringVar(&f.data, "data", "", "a JSON object for the channel")
	s.StringVar(&f.id, "id", "", "idempotency key, unique per app and recipient (default: a UUIDv7)")
	s.BoolVar(&f.bulk, "bulk", false, "publish to sends.bulk, which waits for urgent sends")
	s.StringVar(&f.class, "class", "transactional", "transactional or marketing")
	s.StringVar(&f.campaign, "campaign", "", "campaign that the send is part of")
	s.StringVar(&f.collapse, "collapse-key", "", "a newer send with the same key takes the place of this one while it waits")
	s.StringVar(&f.sendAt, "send-at", "", "not before: a time (RFC 3339), or from now on, as in 10m")
	s.StringVar(&f.expiresAt, "expires-at", "", "never after: a time (RFC 3339), or from now on, as in 2h")
	s.BoolVar(&f.test, "test-mode", false, "do all but the provider's call")
	s.BoolVar(&f.wait, "wait", false, "follow the send to its outcome")
	s.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long to wait for Kafka, and with --wait for the outcome")
	s.BoolVar(&f.json, "json", false, "write JSON, one object per line")
	completeNames(cmd, "channel", f.channelNames)
	completeNames(cmd, "fallback-on", func() []string { return send.FallbackOn })
	completeNames(cmd, "class", func() []string { return []string{"transactional", "marketing"} })
}

func completeNames(cmd *cobra.Command, flag string, names func() []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return names(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // no such flag
	}
}

// message makes the send that the flags ask for, and holds it against the
// contract.
func (f *sendFlags) message(now time.Time) (*carillonv1.Send, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	m := &carillonv1.Send{
		Id: f.id, App: f.app, To: &carillonv1.Recipient{Id: f.recipient}, Channels: f.channels,
		Content: &carillonv1.Content{Title: f.title, Body: f.text, Html: f.html},
		Data:    []byte(f.data), Campaign: f.campaign, CollapseKey: f.collapse, TestMode: f.test,
	}
	if f.fallback != nil {
		m.Fallback = &carillonv1.Fallback{On: f.fallback}
	}
	for _, address := range f.to {
		if err := setAddress(m.To, address); err != nil {
			return nil, err
		}
	}
	if m.To.Id == "" {
		m.To.Id = recipientID(f.to[0])
	}
	if m.Id == "" {
		m.Id = uuid.Must(uuid.NewV7()).String()
	}
	var ok bool
	if m.Class, ok = send.ParseClass(f.class); !ok {
		return nil, usagef("--class %q is not known: take transactional or marketing", f.class)
	}
	var err, err2 error
	m.SendAt, err = moment("--send-at", f.sendAt, now)
	m.ExpiresAt, err2 = moment("--expires-at", f.expiresAt, now)
	if err := errors.Join(err, err2); err != nil {
		return nil, &exit{codeUsage, err}
	}
	if err := send.Validate(m); err != nil {
		return nil, usageOfInvalid(err)
	}
	return m, nil
}

func (f *sendFlags) check() error {
	switch {
	case len(f.channels) == 0:
		return usagef("--channel is needed: which channel is it for? bundled are %s", strings.Join(bundledNames(), ", "))
	case len(f.to) == 0 && f.recipient == "":
		return usagef("--to or --recipient is needed: who is it for?")
	case f.title+f.text+f.html+f.data == "":
		return usagef("there is nothing to say: give --title, --text, --html or --data")
	case f.data != "" && !json.Valid([]byte(f.data)):
		return usagef("--data is not JSON: give one object, such as '{\"order\":17}'")
	case f.timeout <= 0:
		return usagef("--timeout must be more than 0")
	}
	return nil
}

// moment reads a time, or a duration from now on. Empty is none.
func moment(flag, text string, now time.Time) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return timestamppb.New(now.Add(d)), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fmt.Errorf("%s %q is no time: give RFC 3339, such as %s, or a duration, such as 10m",
			flag, text, now.UTC().Format(time.RFC3339))
	}
	return timestamppb.New(t), nil
}

// usageOfInvalid names the flag where the contract names the field.
func usageOfInvalid(err error) error {
	var invalid *send.Invalid
	if !errors.As(err, &invalid) {
		return &exit{codeUsage, err}
	}
	flags := map[string]string{
		"id": "--id", "app": "--app", "to.id": "--recipient", "to.email": "--to", "to.phone": "--to", "to.webhook": "--to",
		"content.title": "--title", "content.body": "--text", "content.html": "--html", "data": "--data",
		"campaign": "--campaign", "collapseKey": "--collapse-key", "sendAt": "--send-at", "expiresAt": "--expires-at",
	}
	field, _, _ := strings.Cut(invalid.Path, "[")
	if field == "channels" {
		field = "--channel"
	} else if field == "fallback.on" {
		field = "--fallback-on"
	} else if flag, ok := flags[field]; ok {
		field = flag
	}
	return usagef("%s: %s (%s)", field, invalid.Detail, invalid.Code)
}
