package main

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/suppress"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

const suppressionLong = `To whom nothing may go: an address or a recipient, for all sends, or for those
of an app, a channel or a class. A send to them takes its next channel, and ends
as "suppressed" where it has none left. Addresses of which a provider says that
nobody is there are added by themselves, for the channel's dead_for.

What is suppressed stands in the topic "suppressions", as hashes under the key
of suppression.key in the configuration: no address is kept, so a suppression
outlives the erasure of all else that is known of a person. These commands need
the same key: from --config, or --key. Nodes go by a change within a second,
also for what waits; none need run.`

func newSuppression() *cobra.Command {
	return group(&cobra.Command{
		Use:   "suppression",
		Short: "See and decide to whom nothing may go",
		Long:  suppressionLong,
		Example: `  carillon suppression add ana@example.com --class marketing --code opted_out
  carillon suppression check ana@example.com --app shop
  carillon suppression import opt-outs.csv --app shop --code opted_out`,
	}, newSuppressionList(), newSuppressionCheck(), newSuppressionAdd(), newSuppressionRemove(), newSuppressionImport())
}

// suppressions is what all of these commands take.
type suppressions struct {
	cluster
	scopeFlags
	key string
}

// scopeFlags say which sends it is about. Empty is all.
type scopeFlags struct{ app, channel, class string }

func (f *suppressions) addFlags(cmd *cobra.Command, only string) {
	f.cluster.addFlags(cmd)
	cmd.Flags().StringVar(&f.key, "key", "", "where the key is, as env:NAME or file:/path (default: suppression.key of --config)")
	cmd.Flags().StringVar(&f.app, "app", "", only+" of this app (default: all)")
	cmd.Flags().StringVar(&f.channel, "channel", "", only+" by this channel (default: all)")
	cmd.Flags().StringVar(&f.class, "class", "", only+" of this class, transactional or marketing (default: all)")
	completeNames(cmd, "channel", f.channelNames)
	completeNames(cmd, "class", func() []string { return []string{"transactional", "marketing"} })
}

// scope checks the names: nothing would ever be of an app that can't be.
func (s scopeFlags) scope() (suppress.Scope, error) {
	scope := suppress.Scope{App: suppress.Any, Channel: suppress.Any}
	if s.app != "" && s.app != suppress.Any {
		if !isName(s.app) {
			return scope, usagef("app %q is none: use letters, digits, `.`, `_` and `-`, 64 at most", s.app)
		}
		scope.App = s.app
	}
	if s.channel != "" && s.channel != suppress.Any {
		if !isName(s.channel) || strings.ToLower(s.channel) != s.channel {
			return scope, usagef("channel %q is none: use lower-case letters, digits, `_` and `-`, 64 at most", s.channel)
		}
		scope.Channel = s.channel
	}
	if s.class != "" && s.class != suppress.Any {
		class, ok := send.ParseClass(s.class)
		if !ok {
			return scope, usagef("class %q is none: give transactional or marketing", s.class)
		}
		scope.Class = class
	}
	return scope, nil
}

func isName(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	})
}

// chosen says whether the flags choose a scope. What a flag leaves out, it does
// not choose by.
func (s scopeFlags) chosen(scope suppress.Scope) bool {
	want, err := s.scope()
	return err == nil && (s.app == "" || want.App == scope.App) && (s.channel == "" || want.Channel == scope.Channel) &&
		(s.class == "" || want.Class == scope.Class)
}

// secret returns the key that hashes are made with.
func (f *suppressions) secret(cfg *config.Config) (*suppress.Key, error) {
	if f.key != "" {
		cfg.Suppression.Key = config.SecretRef(f.key)
	}
	key, err := engine.SuppressionKey(cfg)
	if err == nil && key == nil {
		return nil, usagef("addresses are kept as hashes, and there is no key for them: set suppression.key in the configuration " +
			"of the nodes and give it with --config, or name the key with --key (that of `carillon dev` is in its data " +
			"directory: --key file:$PWD/carillon-data/suppression-key)")
	}
	return key, err
}

// open connects, reads the key, and finds the topic.
func (f *suppressions) open(cmd *cobra.Command) (client *kafka.Client, topic string, key *suppress.Key, err error) {
	cfg, err := f.config()
	if err != nil {
		return nil, "", nil, err
	}
	if key, err = f.secret(cfg); err != nil {
		return nil, "", nil, err
	}
	if client, _, err = f.connect(cmd.Context()); err != nil {
		return nil, "", nil, err
	}
	topic = cfg.Topic("suppressions")
	if _, err = partitions(cmd.Context(), client, topic); err != nil {
		client.Close()
	}
	return client, topic, key, err
}

// subject is an address or a recipient's id, as a command was given it.
type subject struct {
	kind  suppress.Kind
	value string
}

func (s subject) hash(h *suppress.Hasher) suppress.Hash { return h.Sum(s.kind, s.value) }

// subjects are the arguments, which are addresses, and those of --recipient.
func subjects(addresses, recipients []string) ([]subject, error) {
	var all []subject
	for _, a := range addresses {
		s, err := newAddress(a)
		if err != nil {
			return nil, usagef("%s: %w", a, err)
		}
		all = append(all, s)
	}
	for _, id := range recipients {
		s, err := newRecipient(id)
		if err != nil {
			return nil, usagef("--recipient %s: %w", id, err)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, usagef("give an address, such as ana@example.com or +351912345678, or --recipient with a recipient's id")
	}
	return all, nil
}

// newAddress checks what can be: a misspelt one would suppress nobody.
func newAddress(address string) (subject, error) {
	value := suppress.Normal(address)
	return subject{suppress.Address, value}, checkAddress(kindOf(value), value)
}

func newRecipient(id string) (subject, error) {
	return subject{suppress.Recipient, id}, checkAddress("recipient", id)
}

// checkAddress says in plain words what is wrong, without the address.
func checkAddress(kind, value string) error {
	err := send.CheckAddress(kind, value)
	var invalid *send.Invalid
	if errors.As(err, &invalid) {
		return errors.New("can't be: " + invalid.Detail)
	}
	return err
}

// kindOf guesses what an address is; "" is anything in one line, as tokens and
// chat ids are.
func kindOf(address string) string {
	to := &carillonv1.Recipient{}
	field, err := addressField(to, address)
	switch {
	case err != nil || strings.HasPrefix(address, "@"):
		return ""
	case field == &to.Webhook:
		return "webhook"
	case field == &to.Phone:
		return "phone"
	default:
		return "email"
	}
}

// allSuppressed reads the topic, and returns the last entry of each key that wanted
// says yes to.
func allSuppressed(cmd *cobra.Command, client *kafka.Client, topic string, wanted func(*suppress.Entry) bool) (map[string]*suppress.Entry, error) {
	found := map[string]*suppress.Entry{}
	err := scan(cmd.Context(), client, topic, time.Time{}, cmd.ErrOrStderr(), func(_ kafka.Partition, r *kafka.Record) error {
		e, err := suppress.ParseRecord(r)
		switch {
		case err != nil: // nodes pass it over as well, and count it
			return nil //nolint:nilerr // as they do
		case e.Suppression == nil:
			delete(found, string(r.Key))
		case wanted(e):
			found[string(r.Key)] = e.Clone()
		}
		return nil
	})
	return found, err
}
