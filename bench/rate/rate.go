package rate

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
)

// Config says what Run measures.
type Config struct {
	// Command is carillon: a program and what goes before its arguments.
	Command []string
	// Dir takes all data and logs; it is there and empty.
	Dir, Broker string
	Partitions  int
	// Most is what the provider takes of each sender within any second. With one
	// sender that is the account; with more, each is an app with a rate of its own.
	Most, Senders int
	// Share is how much of it the nodes are configured with.
	Share float64
	// Length is how long it lasts after WarmUp. A node leaves after a third of it, and
	// another joins after two.
	Length, WarmUp time.Duration
	// HandOver is how long after each of these the rate need not be used up.
	HandOver time.Duration
	// Progress takes lines for people. Begun is told the settings.
	Progress io.Writer
	Begun    func(*report.Result) error
}

// Check returns all that is wrong, by the names of the flags.
func (c Config) Check() error {
	faults := []error{rig.CheckBroker(c.Broker)}
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	need(c.Most >= 1 && c.Most <= 10_000, "most: %d; give 1 to 10000", c.Most)
	need(c.Senders >= 1 && c.Senders <= 1000, "senders: %d; give 1 to 1000", c.Senders)
	need(c.Share > 0 && c.Share <= 1, "share: %v; give more than 0, at most 1", c.Share)
	need(c.Partitions >= 3 && c.Partitions <= 10_000, "partitions: %d; give 3 to 10000", c.Partitions)
	need(c.Length >= 4*c.HandOver, "minutes: %v; give at least four times the hand-over, %v", c.Length, 4*c.HandOver)
	return errors.Join(faults...)
}

// nodes is how many there are, but between the one that leaves and that which joins.
const nodes = 3

// Run measures it.
func Run(ctx context.Context, c Config) (_ *report.Result, err error) {
	r := &run{Config: c, provider: &provider{ids: map[string]bool{}}}
	sim, err := webhooksim.Start("127.0.0.1:0", webhooksim.Options{Most: c.Most, Seen: r.provider.seen})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sim.Close()) }()
	r.url = strings.TrimSuffix(sim.URL(), "/hook")
	if err := r.key(); err != nil {
		return nil, err
	}
	r.rig, err = rig.Open(ctx, rig.Options{
		Dir: c.Dir, Command: c.Command, Broker: c.Broker, Partitions: c.Partitions, Changes: []func(rig.Config){r.configure},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.rig.Close()) }()
	res := r.result()
	if c.Begun != nil {
		if err := c.Begun(res); err != nil {
			return nil, err
		}
	}
	if err := r.carryOut(ctx); err != nil {
		return nil, err
	}
	r.judge(res)
	return res, nil
}

// run is one Run.
type run struct {
	Config
	rig      *rig.Rig
	provider *provider
	url      string
	keyFile  string
	changes  []time.Time // a node leaves, one joins
	began    time.Time   // what counts
	ended    time.Time
}

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.Progress, format+"\n", args...) }

// key makes the one that webhooks are signed with.
func (r *run) key() error {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	r.keyFile = filepath.Join(r.Dir, "signing-key")
	if err := os.WriteFile(r.keyFile, []byte("whsec_"+base64.StdEncoding.EncodeToString(secret)), 0o600); err != nil {
		return fmt.Errorf("write the key that webhooks are signed with: %w", err)
	}
	return nil
}

// configure makes the webhook channel the only one of a node, at the share of the
// provider's rate.
func (r *run) configure(c rig.Config) {
	rate := fmt.Sprintf("%d/m", int(float64(60*r.Most)*r.Share))
	account := map[string]any{
		"settings": map[string]any{"allow_http": true, "allow_private": true},
		"secrets":  map[string]any{"signing_key": "file:" + r.keyFile},
	}
	if r.Senders == 1 {
		account["rate"] = rate
	} else {
		account["app_rate"] = rate
	}
	c.Set(map[string]any{"webhook": map[string]any{
		"accounts": map[string]any{"main": account},
		"retry":    map[string]any{"max_attempts": 100, "base": "100ms", "max": "2s"},
	}}, "channels")
}

// record is a send of a sender's, to an endpoint of its own.
func (r *run) record(i int) *kgo.Record {
	sender, to := i%r.Senders, fmt.Sprintf("customer-%09d", i)
	return &kgo.Record{Topic: r.rig.Topic("sends.bulk"), Key: []byte(to), Value: fmt.Appendf(nil,
		`{"id":"send-%d","app":"sender-%d","class":"marketing","campaign":"c","channels":["webhook"],"to":{"id":%q,"webhook":"%s/sender-%d"},"content":{"title":"News","body":"There are some."}}`,
		i, sender, to, r.url, sender)}
}

// carryOut has more sends before the nodes than they can get rid of, and has them
// leave and join.
func (r *run) carryOut(ctx context.Context) (err error) {
	sends := int(float64(r.Most*r.Senders) * (r.WarmUp + r.Length + 30*time.Second).Seconds() * 1.1)
	r.say("%s: publishing %s of %s", r.rig.Broker.Name, report.Plural(sends, "send"), report.Plural(r.Senders, "sender"))
	if err := r.rig.Publish(ctx, sends, r.record, nil); err != nil {
		return err
	}
	d, err := r.rig.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.StartAll(ctx, nodes, nil); err != nil {
		return err
	}
	if err := r.wait(ctx, d, time.Now().Add(r.WarmUp)); err != nil {
		return err
	}
	r.began = time.Now()
	r.say("%v begin, with %s", r.Length, report.Plural(nodes, "node"))
	if err := r.wait(ctx, d, r.began.Add(r.Length/3)); err != nil {
		return err
	}
	r.change("a node leaves")
	if err := d.Nodes[nodes-1].Stop(time.Minute); err != nil {
		return err
	}
	if err := r.wait(ctx, d, r.began.Add(2*r.Length/3)); err != nil {
		return err
	}
	r.change("a node joins")
	if _, err := d.Start(ctx, fmt.Sprintf("node-%d", nodes), nil); err != nil {
		return err
	}
	err = r.wait(ctx, d, r.began.Add(r.Length))
	r.ended = time.Now()
	return err
}

func (r *run) change(what string) {
	r.changes = append(r.changes, time.Now())
	r.say("after %v %s", time.Since(r.began).Round(time.Second), what)
}

// wait is until a time, unless a node ends by itself.
func (r *run) wait(ctx context.Context, d *rig.Round, until time.Time) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-d.Ended():
		return err
	case <-time.After(time.Until(until)):
		return nil
	}
}
