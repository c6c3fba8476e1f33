package control

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

const topic = "carillon.control"

var zerologNop = zerolog.Nop()

// broker is an embedded Kafka with the topic, and a client.
type broker struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kafka.Client
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	c := kafka.NewClient(kafka.Config{
		Brokers: cluster.ListenAddrs(), ClientID: "test", RequestTimeout: 5 * time.Second, MaxDecompressed: 1 << 20,
	})
	t.Cleanup(c.Close)
	return &broker{t, cluster, c}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (b *broker) publish(records ...*controlv1.Record) {
	b.t.Helper()
	if err := Publish(within(b.t), b.client, topic, records...); err != nil {
		b.t.Fatal(err)
	}
}

// write writes records as they are, one batch.
func (b *broker) write(records ...kafka.Record) {
	b.t.Helper()
	if err := b.client.Write(within(b.t), topic, records); err != nil {
		b.t.Fatal(err)
	}
}

// following is a table that is followed, and what it told of.
type following struct {
	*Table
	t       *testing.T
	skipped atomic.Int32
	log     bytes.Buffer // once it has stopped

	mu   sync.Mutex
	told []string
	stop func()
}

func (b *broker) follow() *following {
	f := &following{t: b.t}
	f.Table = NewTable(b.client, topic, zerolog.New(&f.log))
	f.Skipped = func() { f.skipped.Add(1) }
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Follow(ctx, func(r *controlv1.Record) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.told = append(f.told, text(r))
		})
	}()
	f.stop = func() { cancel(); <-done }
	b.t.Cleanup(f.stop)
	return f
}

// text is a record in a word: m1=resend/1, or sends/0=17.
func text(r *controlv1.Record) string {
	if a := r.GetAcceptance(); a != nil {
		return fmt.Sprintf("%s/%d=%d", a.Topic, a.Partition, a.From)
	}
	d := r.GetDoubt()
	return fmt.Sprintf("%s=%s/%d", d.Id, strings.ToLower(strings.TrimPrefix(d.Decision.String(), "DECISION_")), d.Attempt)
}

// wants waits until the table has told of these, in this order, and of nothing
// else.
func (f *following) wants(want ...string) {
	f.t.Helper()
	var got []string
	for ctx := within(f.t); ctx.Err() == nil; time.Sleep(time.Millisecond) {
		f.mu.Lock()
		got = append(got[:0], f.told...)
		f.mu.Unlock()
		select {
		case <-f.CaughtUp():
			if strings.Join(got, " ") == strings.Join(want, " ") {
				return
			}
		default:
		}
	}
	f.t.Fatalf("told of %q, want %q", got, want)
}

func (f *following) stands(want ...string) {
	f.t.Helper()
	var got []string
	for _, r := range f.Doubts() {
		got = append(got, text(r))
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		f.t.Errorf("these stand: %q, want %q", got, want)
	}
}

func resend(id string, attempt uint32) *controlv1.Record {
	return doubt(id, attempt, controlv1.Decision_DECISION_RESEND)
}
func drop(id string, attempt uint32) *controlv1.Record {
	return doubt(id, attempt, controlv1.Decision_DECISION_DROP)
}

func doubt(id string, attempt uint32, d controlv1.Decision) *controlv1.Record {
	return &controlv1.Record{By: "ana", AtMs: 1, Object: &controlv1.Record_Doubt{Doubt: &controlv1.Doubt{
		App: "shop", Recipient: "u1", Id: id, Attempt: attempt, Decision: d,
	}}}
}

func accept(partition int32, from int64) *controlv1.Record {
	return &controlv1.Record{By: "ana", Object: &controlv1.Record_Acceptance{Acceptance: &controlv1.Acceptance{
		Topic: "sends", Partition: partition, State: "none", From: from,
	}}}
}

func TestFollow(t *testing.T) {
	b := newBroker(t)
	b.publish(resend("m1", 1), accept(3, 17), resend("m2", 1))
	b.publish(drop("m1", 1), accept(3, 18)) // another word about the same
	if err := Forget(within(t), b.client, topic, DoubtKey(resend("m2", 1).GetDoubt())); err != nil {
		t.Fatal(err)
	}
	f := b.follow()
	f.wants("m1=drop/1", "sends/3=18") // what stands, and nothing that was there before it
	b.publish(resend("m1", 2), accept(4, 1))
	f.wants("m1=drop/1", "sends/3=18", "m1=resend/2", "sends/4=1")
	f.stands("m1=drop/1", "m1=resend/2") // the second attempt in doubt is another matter
	if got := f.Acceptance(kafka.Partition{Topic: "sends", Index: 3}); got.GetAcceptance().GetFrom() != 18 || got.GetBy() != "ana" {
		t.Errorf("accepted: %v", got)
	}
	if got := f.Acceptance(kafka.Partition{Topic: "sends", Index: 5}); got != nil {
		t.Errorf("nothing was accepted of sends/5: %v", got)
	}

	// It is gone for who comes later, and for who was there.
	if err := Forget(within(t), b.client, topic, DoubtKey(drop("m1", 1).GetDoubt())); err != nil {
		t.Fatal(err)
	}
	b.publish(accept(4, 2))
	f.wants("m1=drop/1", "sends/3=18", "m1=resend/2", "sends/4=1", "sends/4=2")
	f.stands("m1=resend/2")
	second := b.follow()
	second.wants("sends/3=18", "m1=resend/2", "sends/4=2")
}

func TestFollowOfAnEmptyTopic(t *testing.T) {
	b := newBroker(t)
	f := b.follow()
	f.wants()
	b.publish(resend("m1", 1))
	f.wants("m1=resend/1")
}

// More than fits into one batch, or one answer.
func TestPublishMany(t *testing.T) {
	b := newBroker(t)
	const n = 20_000
	records := make([]*controlv1.Record, n)
	for i := range records {
		records[i] = resend(fmt.Sprintf("m%05d-%s", i, strings.Repeat("x", 200)), 1)
	}
	b.publish(records...)
	f := b.follow()
	<-f.CaughtUp()
	if got := len(f.Doubts()); got != n {
		t.Errorf("%d decisions, want %d", got, n)
	}
}

// Whatever else stands in the topic is passed over, counted, and logged once
// per kind. Where it stands in a record's place, that one no longer counts.
func TestFollowPassesOver(t *testing.T) {
	b := newBroker(t)
	key := []byte(DoubtKey(resend("m1", 1).GetDoubt()))
	value := func(r *controlv1.Record) []byte {
		v, err := r.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	b.publish(resend("m1", 1), resend("m2", 1))
	b.write(
		kafka.Record{Key: key, Value: []byte("{\"json\":true}")},                    // somebody's
		kafka.Record{Key: []byte("indoubt/x"), Value: value(resend("m3", 1))},       // a key that is not the record's
		kafka.Record{Value: value(resend("m3", 1))},                                 // no key
		kafka.Record{Key: []byte("pause/sms"), Value: []byte{0xfa, 0x01, 1, 0}},     // an object that a newer version knows
		kafka.Record{Key: key, Value: value(doubt("m1", 1, controlv1.Decision(9)))}, // a decision that it knows
		kafka.Record{Key: []byte("pause/email"), Value: []byte{}},                   // nothing
	)
	b.bomb()
	b.publish(resend("m4", 1))
	f := b.follow()
	f.wants("m2=resend/1", "m4=resend/1")
	f.stands("m2=resend/1", "m4=resend/1")
	b.write(kafka.Record{Key: []byte("x"), Value: []byte("x")})
	b.publish(resend("m5", 1))
	f.wants("m2=resend/1", "m4=resend/1", "m5=resend/1")
	f.stop()
	if got := f.skipped.Load(); got != 8 {
		t.Errorf("%d records were counted, want 8", got)
	}
	if lines := strings.Count(f.log.String(), "\n"); lines != 2 {
		t.Errorf("%d lines, want one per kind:\n%s", lines, f.log.String())
	}
}

// bomb writes a batch that grows beyond what is read of one.
func (b *broker) bomb() {
	b.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.ProducerBatchCompression(kgo.ZstdCompression()),
		kgo.ProducerBatchMaxBytes(4<<20))
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(within(b.t), &kgo.Record{Topic: topic, Value: make([]byte, 2<<20)}).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// A broker that fails for a while is waited for.
func TestFollowOutlastsTheBroker(t *testing.T) {
	for _, c := range []struct {
		name string
		key  kmsg.Key
		err  *kerr.Error
	}{
		{"no leader for its ends", kmsg.ListOffsets, kerr.NotLeaderForPartition},
		{"no leader", kmsg.Fetch, kerr.NotLeaderForPartition},
		{"a right that is given later", kmsg.Fetch, kerr.TopicAuthorizationFailed},
		{"an offset that it denies", kmsg.Fetch, kerr.OffsetOutOfRange},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBroker(t)
			b.publish(resend("m1", 1))
			b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.err, Count: 2})
			f := b.follow()
			f.wants("m1=resend/1")
			b.publish(resend("m2", 1))
			f.wants("m1=resend/1", "m2=resend/1")
		})
	}
}

// A topic that is made anew is read anew: what stood in the old one is gone.
func TestFollowOfATopicThatIsMadeAnew(t *testing.T) {
	b := newBroker(t)
	b.publish(resend("m1", 1), resend("m2", 1))
	f := b.follow()
	f.wants("m1=resend/1", "m2=resend/1")
	admin, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames = []string{topic}
	named := kmsg.NewDeleteTopicsRequestTopic()
	named.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, named)
	if _, err := req.RequestWith(within(t), admin); err != nil {
		t.Fatal(err)
	}
	if err := b.client.CreateTopics(within(t), []kafka.TopicSpec{{Name: topic, Partitions: 1, Replication: 1}}); err != nil {
		t.Fatal(err)
	}
	b.publish(resend("m3", 1))
	f.wants("m1=resend/1", "m2=resend/1", "m3=resend/1")
	f.stands("m3=resend/1")
}

func TestPublishSaysWhatFailed(t *testing.T) {
	b := newBroker(t)
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: 2})
	b.publish(resend("m1", 1)) // it passes
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed})
	err := Publish(within(t), b.client, topic, resend("m1", 1))
	if err == nil || !strings.Contains(err.Error(), "write to carillon.control: ") {
		t.Error(err)
	}
}
