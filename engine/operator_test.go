package engine

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/metrics"
	"github.com/carillonhq/carillon/engine/shard"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// office is an operator with a cluster, whose node runs one shard.
type office struct {
	*operator
	t       *testing.T
	cluster *kfake.Cluster
	reg     *prometheus.Registry
	log     bytes.Buffer // once it has stopped
	stop    func()

	comes atomic.Bool // shard 2, which only answers

	mu  sync.Mutex
	got []string // decisions that the shard was given
}

const ownShard = 1

func newOffice(t *testing.T) *office {
	c, client, cfg := cluster(t)
	if err := PrepareTopics(within(t), client, cfg); err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, cluster: c, reg: prometheus.NewRegistry()}
	o.operator = newOperator(client, cfg.Topic("control"), cfg.Kafka.Topics.Partitions, "node-1", metrics.New(o.reg),
		zerolog.New(&o.log), func(id int32) decider {
			if id == ownShard {
				return o
			}
			return nil
		})
	o.answering.topic = cfg.Topic("replies")
	o.answering.shards = func() map[int32]answerer {
		all := map[int32]answerer{ownShard: silent(ownShard)}
		if o.comes.Load() {
			all[2] = silent(2)
		}
		return all
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { o.run(ctx); close(ended) }()
	o.stop = func() { cancel(); <-ended }
	t.Cleanup(o.stop)
	return o
}

// Decide implements decider.
func (o *office) Decide(d *controlv1.Doubt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, d.Id)
}

func (o *office) given() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.got, " ")
}

func (o *office) publish(records ...*controlv1.Record) {
	o.t.Helper()
	if err := control.Publish(within(o.t), o.client, o.topic, records...); err != nil {
		o.t.Fatal(err)
	}
}

// to returns a recipient of a shard.
func (o *office) to(shard int32) string {
	for c := 'a'; ; c++ {
		if kafka.PartitionOf([]byte(string(c)), o.partitions) == shard {
			return string(c)
		}
	}
}

func (o *office) doubt(shard int32, id string) *controlv1.Record {
	return &controlv1.Record{By: "ana", Reason: "asked them", AtMs: 1, Object: &controlv1.Record_Doubt{Doubt: &controlv1.Doubt{
		App: "shop", Recipient: o.to(shard), Id: id, Attempt: 1, Decision: controlv1.Decision_DECISION_RESEND,
	}}}
}

func (o *office) acceptance(at int64) *controlv1.Record {
	return &controlv1.Record{By: "ana", Reason: "the sends are old", AtMs: at, Object: &controlv1.Record_Acceptance{Acceptance: &controlv1.Acceptance{
		Topic: "carillon.sends", Partition: ownShard, State: "none", From: 17,
	}}}
}

// counted returns the counter of that name with a label of that value.
func (o *office) counted(name, label string) float64 {
	families, err := o.reg.Gather()
	if err != nil {
		o.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == name && l.GetValue() == label {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

// A word on reading that has stopped outlives commits, and counts for one place.
func TestOperatorPassesOver(t *testing.T) {
	o := newOffice(t)
	p := kafka.Partition{Topic: "carillon.sends", Index: ownShard}
	r := o.acceptance(1)
	r.GetAcceptance().State = StoppedAt(120)
	o.publish(r)
	eventually(t, "it is known", func() bool { return o.past(p, 120) != nil })
	if o.past(p, 121) != nil || o.past(kafka.Partition{Topic: "carillon.sends"}, 120) != nil {
		t.Error("it counts elsewhere")
	}
	o.wentBy(o.past(p, 120))
	eventually(t, "it is done with", func() bool { return o.past(p, 120) == nil })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for ctx := within(t); !ok(); time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("never: ", what)
		}
	}
}

// A decision goes to the shard that owns the recipient, when it comes or when
// the shard is opened, and is forgotten when the shard has done with it.
func TestOperatorDecides(t *testing.T) {
	o := newOffice(t)
	first, elsewhere, late := o.doubt(ownShard, "m1"), o.doubt(2, "m2"), o.doubt(ownShard, "m3")
	o.publish(first, elsewhere, late)
	eventually(t, "both are given", func() bool { return o.given() == "m1 m3" })
	o.opened(ownShard, o) // as after a restart: the shard knows what to make of it
	if got := o.given(); got != "m1 m3 m1 m3" {
		t.Errorf("given %q", got)
	}
	o.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: 1})
	o.decided(first.GetDoubt(), true)
	o.decided(late.GetDoubt(), false)
	eventually(t, "they are forgotten", func() bool { return len(o.Doubts()) == 1 })
	if left := o.Doubts()[0].GetDoubt().Id; left != "m2" {
		t.Errorf("%s is left: it is another node's", left)
	}
	for _, result := range []string{"done", "late"} {
		if got := o.counted("carillon_decisions_total", result); got != 1 {
			t.Errorf("%s: %v, want 1", result, got)
		}
	}
	o.stop()
	if log := o.log.String(); strings.Count(log, `"by":"ana","reason":"asked them","decision":"resend","app":"shop","id":"m1","attempt":1`) != 1 {
		t.Errorf("the audit lacks it:\n%s", log)
	}
}

// An acceptance counts once, and stays for the audit; one that came after it is
// another word.
func TestOperatorAccepts(t *testing.T) {
	o := newOffice(t)
	p := kafka.Partition{Topic: "carillon.sends", Index: ownShard}
	o.publish(o.acceptance(1))
	eventually(t, "it is known", func() bool { return o.Acceptance(p) != nil })
	first := o.Acceptance(p)
	o.wentBy(first)
	eventually(t, "it is written back", func() bool { return o.Acceptance(p).GetAcceptance().GetAppliedMs() > 0 })
	if r := o.Acceptance(p); r.By != "ana" || r.GetAcceptance().AppliedBy != "node-1" || r.GetAcceptance().From != 17 {
		t.Errorf("%v", r)
	}
	o.publish(o.acceptance(2))
	eventually(t, "the second is known", func() bool { return o.Acceptance(p).AtMs == 2 })
	o.wentBy(first) // late
	if _, applied := o.take(); len(applied) > 0 {
		t.Error("the second would be written over")
	}
}

// Halt implements halter.
func (o *office) Halt(*shard.Halts) {}

func (silent) Halt(*shard.Halts) {}

func (s silent) Progress(ctx context.Context, _ string, _ [2]int64) (*controlv1.ShardReply, error) {
	return s.Answer(ctx, nil)
}

// silent is a shard that has nothing to say, and says so.
type silent int32

func (s silent) Answer(context.Context, *controlv1.Query) (*controlv1.ShardReply, error) {
	return &controlv1.ShardReply{Shard: int32(s), SinceMs: 7, Done: true}, nil
}

// A question is answered once for each shard that the node runs, also for one
// that comes later; one that is too old is not.
func TestOperatorAnswers(t *testing.T) {
	o := newOffice(t)
	asking := control.Asking{Client: o.client, Control: o.topic, Replies: o.answering.topic, Shards: 2}
	query := func(id string, left time.Duration) *controlv1.Record {
		return &controlv1.Record{Object: &controlv1.Record_Query{Query: &controlv1.Query{
			Id: id, UntilMs: time.Now().Add(left).UnixMilli(), Question: &controlv1.Query_Lanes{Lanes: &controlv1.Lanes{}},
		}}}
	}
	o.publish(query("old", -time.Second))
	var got []string
	err := asking.Ask(within(t), query("q", time.Minute), func(r *controlv1.Reply) error {
		for _, s := range r.Shards {
			got = append(got, fmt.Sprintf("%s %s %d", r.Request, r.Node, s.Shard))
		}
		o.comes.Store(true) // the other shard
		return nil
	})
	if want := "q node-1 1, q node-1 2"; err != nil || strings.Join(got, ", ") != want {
		t.Errorf("%v: %q, want %q", err, got, want)
	}
}
