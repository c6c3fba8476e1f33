package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/suppress"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// deed is what an operator did, to which sends.
type deed struct {
	what                       string // cancel, pause, suppress, lock
	app, campaign, to, channel string // "" is any
	before                     time.Time
	// From from on Kafka had it; at until it was about to be taken back, zero is
	// never.
	from, until time.Time
}

const (
	cancel     = "cancel"
	pause      = "pause"
	suppressed = "suppress"
	lock       = "lock"
)

// concerns says whether a send is one of those that the deed is about, on its way
// through a channel.
func (d deed) concerns(s published, channel string) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(d.app, s.app) && is(d.campaign, s.campaign) && is(d.to, s.to) && is(d.channel, channel) &&
		(d.before.IsZero() || s.stamp.UnixMilli() < d.before.UnixMilli())
}

// operator cancels, pauses, suppresses, and locks an account out, while the nodes
// are being broken. It writes the records that the commands of carillon write.
type operator struct {
	flow      *flow
	publisher *publisher
	key       *suppress.Key
	rng       *rand.Rand
	say       func(string, ...any)

	mu    sync.Mutex
	deeds []deed
}

// hire gets a run with a flow its operator.
func (r *run) hire() error {
	if r.publisher.flow = r.flow; r.flow == nil {
		return nil
	}
	key, err := suppress.NewKey(r.flow.secret())
	if err != nil {
		return err
	}
	r.operator = &operator{flow: r.flow, publisher: r.publisher, key: key, rng: rand.New(rand.NewPCG(r.Seed, 0x0be7)), say: r.say}
	return nil
}

// step is how often the operator does something.
const step = 500 * time.Millisecond

// run acts until ctx ends, and then takes back what would keep sends from ending.
func (o *operator) run(ctx context.Context) {
	for i := 0; sleep(ctx, step); i++ {
		if err := o.act(ctx, i); err != nil && ctx.Err() == nil {
			o.say("operator: %v", err)
		}
	}
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer stop()
	if err := o.resume(last); err != nil {
		o.say("operator: %v", err)
	}
	o.unlock()
}

// act does what is due at a step: the parts have other lengths, so that they come
// together in all ways.
func (o *operator) act(ctx context.Context, i int) error {
	switch i % 10 {
	case 4:
		if err := o.cancel(ctx, i); err != nil {
			return err
		}
	case 7: // what came meanwhile is of a campaign that is canceled
		o.publisher.epoch.Add(1)
	}
	switch i % 16 {
	case 2:
		if err := o.pause(ctx); err != nil {
			return err
		}
	case 9:
		if err := o.resume(ctx); err != nil {
			return err
		}
	}
	switch i % 34 {
	case 8:
		o.lock()
	case 18:
		o.unlock()
	}
	if i%3 == 1 {
		return o.optOut(ctx)
	}
	return nil
}

// cancel cancels the campaign that is being published, or all of its app so far.
func (o *operator) cancel(ctx context.Context, i int) error {
	d := deed{what: cancel, app: canceledApp}
	c := &controlv1.Cancel{Id: fmt.Sprintf("cancel-%d", i), App: d.app, UntilMs: time.Now().Add(time.Hour).UnixMilli()}
	if i%30 == 4 {
		d.before = time.Now()
		c.BeforeMs = d.before.UnixMilli()
	} else {
		d.campaign = o.publisher.canceledCampaign()
		c.Campaign = d.campaign
	}
	return o.decide(ctx, &controlv1.Record{Object: &controlv1.Record_Cancel{Cancel: c}}, d)
}

func (o *operator) pause(ctx context.Context) error {
	p := &controlv1.Pause{Id: "pause", App: heldApp}
	return o.decide(ctx, &controlv1.Record{Object: &controlv1.Record_Pause{Pause: p}}, deed{what: pause, app: heldApp})
}

func (o *operator) resume(ctx context.Context) error {
	o.end(pause, "")
	p := &controlv1.Record{Object: &controlv1.Record_Pause{Pause: &controlv1.Pause{Id: "pause", App: heldApp, Over: true}}}
	if err := o.write(ctx, "control", []byte(control.KeyOf(p)), p); err != nil {
		return err
	}
	return o.write(ctx, "control", []byte(control.KeyOf(p)), nil)
}

// optOut suppresses a recipient, all of them or by one channel, and lets the one
// before the last few have sends again.
func (o *operator) optOut(ctx context.Context) error {
	const standing = 4
	var stands []deed
	for _, d := range o.all() {
		if d.what == suppressed && d.until.IsZero() {
			stands = append(stands, d)
		}
	}
	if len(stands) >= standing {
		o.end(suppressed, stands[0].to)
		for _, kind := range []suppress.Kind{suppress.Address, suppress.Recipient} {
			if err := o.write(ctx, "suppressions", o.entry(stands[0], kind).RecordKey(), nil); err != nil {
				return err
			}
		}
	}
	d := deed{what: suppressed, app: optoutApp, to: "u" + strconv.Itoa(o.rng.IntN(optouts))}
	if o.rng.IntN(3) == 0 {
		d = deed{what: suppressed, app: twowayApp, to: "t" + strconv.Itoa(o.rng.IntN(optouts)), channel: firstChannel}
	}
	for _, s := range stands {
		if s.to == d.to {
			return nil
		}
	}
	e := o.entry(d, suppress.Kind(o.rng.IntN(2)))
	if err := o.write(ctx, "suppressions", e.RecordKey(), e.Suppression); err != nil {
		return err
	}
	o.note(d)
	return nil
}

// entry is a deed as the engine has it. The address of the sink is the
// recipient's id.
func (o *operator) entry(d deed, kind suppress.Kind) *suppress.Entry {
	scope := suppress.Scope{App: d.app, Channel: d.channel}
	if d.channel == "" {
		scope.Channel = suppress.Any
	}
	return &suppress.Entry{Kind: kind, Hash: o.key.NewHasher().Sum(kind, d.to), Scope: scope, Suppression: &controlv1.Suppression{
		Because: controlv1.Because_BECAUSE_OPTED_OUT, Key: o.key.Check, AtMs: time.Now().UnixMilli(), By: "chaos",
	}}
}

func (o *operator) lock() {
	if err := os.WriteFile(o.flow.Locked(), nil, 0o600); err == nil {
		o.note(deed{what: lock, channel: shakyChannel})
	}
}

func (o *operator) unlock() {
	o.end(lock, "")
	_ = os.Remove(o.flow.Locked()) // if it was there
}

func (o *operator) decide(ctx context.Context, r *controlv1.Record, d deed) error {
	r.By, r.AtMs = "chaos", time.Now().UnixMilli()
	if err := o.write(ctx, "control", []byte(control.KeyOf(r)), r); err != nil {
		return err
	}
	o.note(d)
	return nil
}

// write returns once Kafka has a record; one without a value is a tombstone.
func (o *operator) write(ctx context.Context, topic string, key []byte, m proto.Message) (err error) {
	r := &kgo.Record{Topic: o.publisher.prefix + topic, Key: key}
	if m != nil {
		if r.Value, err = proto.Marshal(m); err != nil {
			return fmt.Errorf("encode a record of %s: %w", topic, err)
		}
	}
	if err := o.publisher.client.ProduceSync(ctx, r).FirstErr(); err != nil {
		return fmt.Errorf("write to %s: %w", topic, err)
	}
	return nil
}

// note takes down what Kafka has by now.
func (o *operator) note(d deed) {
	o.mu.Lock()
	defer o.mu.Unlock()
	d.from = time.Now()
	o.deeds = append(o.deeds, d)
}

// end notes that what stands is about to be taken back.
func (o *operator) end(what, to string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.deeds {
		if d := &o.deeds[i]; d.what == what && d.to == to && d.until.IsZero() {
			d.until = time.Now()
		}
	}
}

func (o *operator) all() []deed {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]deed(nil), o.deeds...)
}
