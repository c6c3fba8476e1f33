package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/kafka"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// kafka is a client of ours, for what an operator does.
func (r *rig) kafka() *kafka.Client {
	r.t.Helper()
	c, err := engine.Connect(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

func (r *rig) decide(c *kafka.Client, records ...*controlv1.Record) {
	r.t.Helper()
	if err := control.Publish(r.t.Context(), c, r.cfg.Topic("control"), records...); err != nil {
		r.t.Fatal(err)
	}
}

// All offsets of the group are reset to the start while no node runs. Nothing is
// sent again, and nothing new, until an operator says how to go on; what is new
// then goes out, once.
func TestResetOffsetsAreAskedAbout(t *testing.T) {
	r := newRig(t)
	ch := r.cfg.Channels["sink"]
	ch.Deadline = time.Second // what is in doubt waits for it
	r.cfg.Channels["sink"] = ch
	r.start()
	const n = 40
	publish := func(topic string, from, to int) {
		for i := from; i < to; i++ {
			r.publish(sinkSend(topic, i))
		}
	}
	publish("sends", 0, n)
	r.statuses(untilOutcomes(n))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	c := r.kafka()
	var reset []kafka.Commit
	for i := range r.cfg.Kafka.Topics.Partitions {
		reset = append(reset, kafka.Commit{Partition: kafka.Partition{Topic: r.cfg.Topic("sends"), Index: int32(i)}})
	}
	if err := c.CommitOffsets(t.Context(), r.cfg.Kafka.Group, -1, "", reset); err != nil {
		t.Fatal(err)
	}
	r.start()
	publish("sends", n, 2*n)
	publish("sends.bulk", 2*n, 3*n) // the other input goes on; it would come last
	r.statuses(untilOutcomes(2 * n))
	if got := len(r.received()); got != 2*n {
		t.Fatalf("the receiver has %d sends, want %d and no more", got, 2*n)
	}
	for _, at := range reset {
		r.decide(c, &controlv1.Record{By: "ana", Reason: "a mistake", AtMs: time.Now().UnixMilli(), Object: &controlv1.Record_Acceptance{
			Acceptance: &controlv1.Acceptance{Topic: at.Topic, Partition: at.Index, State: engine.Fingerprint(at)}, // from the start
		}})
	}
	got := outcomes(r.statuses(untilOutcomes(3 * n)))
	received := r.received()
	for i := range 3 * n {
		id := fmt.Sprintf("m%d", i)
		if len(got[id]) != 1 || got[id]["sent"] != 1 || received[id] != 1 {
			t.Errorf("%s: outcomes %v, received %d times; want one", id, got[id], received[id])
		}
	}
}

// What is in doubt is attempted again when an operator says so, and ends when
// one says so; each word is about one attempt.
func TestOperatorDecides(t *testing.T) {
	r := newRig(t)
	ch := r.cfg.Channels["sink"]
	ch.OnUnknown, ch.HoldFor = "hold", time.Hour
	r.cfg.Channels["sink"] = ch
	r.settings(map[string]any{"unknowns": 1})
	r.start()
	c := r.kafka()
	say := func(d controlv1.Decision, attempt uint32) {
		r.decide(c, &controlv1.Record{By: "ana", Object: &controlv1.Record_Doubt{Doubt: &controlv1.Doubt{
			App: "shop", Recipient: "u1", Id: "k1", Attempt: attempt, Decision: d,
		}}})
	}
	until := func(s carillonv1.State, attempt uint32) func([]*carillonv1.Status) bool {
		return func(all []*carillonv1.Status) bool {
			last := all[len(all)-1]
			return last.Id == "k1" && last.Status == s && last.Attempt == attempt
		}
	}
	r.publish(&kgo.Record{Topic: "sends", Key: []byte("u1"), Value: []byte(minimal("k1"))})
	r.statuses(until(carillonv1.State_STATE_IN_DOUBT, 1))
	say(controlv1.Decision_DECISION_RESEND, 1)
	r.statuses(until(carillonv1.State_STATE_IN_DOUBT, 2))
	say(controlv1.Decision_DECISION_DROP, 1) // late
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	say(controlv1.Decision_DECISION_DROP, 2) // nobody hears it
	r.start()
	all := r.statuses(untilOutcomes(1))
	last := all[len(all)-1]
	if last.Status != carillonv1.State_STATE_UNKNOWN || last.Attempt != 2 || last.Reason.GetClass() != "operator" || last.Reason.GetCode() != "dropped" {
		t.Errorf("it ended %v", last)
	}
}

// A batch that grows beyond what is read of one stops the reading of its
// partition, until an operator has it passed over: it alone.
func TestBatchIsPassedOver(t *testing.T) {
	r := newRig(t)
	r.cfg.Kafka.Topics.Partitions = 1
	r.cfg.Limits.Batch = 1 << 20
	r.start()
	r.publish(record("u1", minimal("a")))
	r.publish(record("u1", strings.Repeat(" ", 3<<20))) // compressed by the client
	r.publish(record("u1", minimal("b")))
	r.statuses(untilOutcomes(1))
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(r.page("/readyz"), "--past 1 --from 2 "); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("/readyz says %s", r.page("/readyz"))
		}
	}
	r.decide(r.kafka(), &controlv1.Record{By: "ana", Reason: "spaces", AtMs: time.Now().UnixMilli(), Object: &controlv1.Record_Acceptance{
		Acceptance: &controlv1.Acceptance{Topic: r.cfg.Topic("sends"), State: engine.StoppedAt(1), From: 2},
	}})
	r.statuses(untilOutcomes(2))
	if fault := r.page("/readyz"); !strings.Contains(fault, `"ready":true`) {
		t.Errorf("/readyz says %s", fault)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.publish(record("u1", minimal("c")))
	got := outcomes(r.statuses(untilOutcomes(3)))
	received := r.received()
	for _, id := range []string{"a", "b", "c"} {
		if len(got[id]) != 1 || got[id]["sent"] != 1 || received[id] != 1 {
			t.Errorf("%s: outcomes %v, received %d times; want one", id, got[id], received[id])
		}
	}
}

func (r *rig) deleteTopics(names ...string) {
	r.t.Helper()
	gone := kmsg.NewPtrDeleteTopicsRequest()
	for _, name := range names {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(r.cfg.Topic(name))
		gone.Topics, gone.TopicNames = append(gone.Topics, topic), append(gone.TopicNames, r.cfg.Topic(name))
	}
	if _, err := gone.RequestWith(r.t.Context(), r.client); err != nil {
		r.t.Fatal(err)
	}
}

// The topic of sends alone is made anew: other records stand where sends are
// known to be finished. Once an operator says that it is so, none of them
// passes for finished, then or after a restart.
func TestSendsMadeAnew(t *testing.T) {
	r := newRig(t)
	r.cfg.Kafka.Topics.Partitions = 1
	r.start()
	for _, id := range []string{"a", "b", "c"} {
		r.publish(record("u1", minimal(id)))
	}
	r.statuses(untilOutcomes(3))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.deleteTopics("sends")
	c := r.kafka()
	if err := engine.PrepareTopics(t.Context(), c, r.cfg); err != nil {
		t.Fatal(err)
	}
	r.connect()
	r.publish(record("u1", minimal("d")), record("u1", minimal("e")))
	r.start()
	if fault := r.page("/readyz"); !strings.Contains(fault, "made anew") && !strings.Contains(fault, "what is there now, 0 to 1, was never read") {
		t.Fatalf("/readyz says %s", fault)
	}
	p := kafka.Partition{Topic: r.cfg.Topic("sends")}
	commits, err := c.CommittedOffsets(t.Context(), r.cfg.Kafka.Group, []kafka.Partition{p})
	if err != nil {
		t.Fatal(err)
	}
	start := int64(0)
	r.decide(c, &controlv1.Record{By: "ana", Reason: "it was full", AtMs: time.Now().UnixMilli(), Object: &controlv1.Record_Acceptance{
		Acceptance: &controlv1.Acceptance{Topic: p.Topic, State: engine.Fingerprint(commits[p]), From: start, AnewFrom: &start},
	}})
	r.statuses(untilOutcomes(5))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.publish(record("u1", minimal("f")))
	got := outcomes(r.statuses(untilOutcomes(6)))
	received := r.received()
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		if len(got[id]) != 1 || got[id]["sent"] != 1 || received[id] != 1 {
			t.Errorf("%s: outcomes %v, received %d times; want one", id, got[id], received[id])
		}
	}
}

// ask has all shards carry out a request, and returns what they say.
func (r *rig) ask(c *kafka.Client, rec *controlv1.Record) *controlv1.Progress {
	r.t.Helper()
	asking := control.Asking{Client: c, Control: r.cfg.Topic("control"), Replies: r.cfg.Topic("replies"), Shards: r.cfg.Kafka.Topics.Partitions}
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	var sum control.Sum
	if err := asking.Ask(ctx, rec, func(reply *controlv1.Reply) error { sum.Add(reply); return nil }); err != nil {
		r.t.Fatalf("%v; shards %v did not answer; so far %v", err, asking.Missing(), sum.Total())
	}
	return sum.Total()
}

func (r *rig) cancelOf(campaign string) *controlv1.Record {
	now := time.Now()
	return &controlv1.Record{By: "ana", AtMs: now.UnixMilli(), Object: &controlv1.Record_Cancel{Cancel: &controlv1.Cancel{
		Id: "cancel-" + campaign, App: "shop", Campaign: campaign,
		UntilMs: now.Add(time.Hour).UnixMilli(), AnswerUntilMs: now.Add(time.Minute).UnixMilli(),
	}}}
}

func (r *rig) pauseOf(id, campaign string, over bool) *controlv1.Record {
	return &controlv1.Record{By: "ana", Object: &controlv1.Record_Pause{Pause: &controlv1.Pause{
		Id: id, App: "shop", Campaign: campaign, Over: over, AnswerUntilMs: time.Now().Add(time.Minute).UnixMilli(),
	}}}
}

func (r *rig) publishCampaign(topic, campaign, more string, from, to int) {
	for i := from; i < to; i++ {
		r.publish(&kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "u%d", i%7), Value: fmt.Appendf(nil,
			`{"id":"%s%d","app":"shop","campaign":"%s","to":{"id":"u%d"},"channels":["sink"],"content":{"body":"hello"}%s}`,
			campaign, i, campaign, i%7, more)})
	}
}

// A campaign is canceled while a part of it waits for its time, a part in lanes,
// and a part is published while no node runs: all of it ends canceled, but for what
// had been attempted; another campaign goes on.
func TestCampaignIsCanceled(t *testing.T) {
	r := newRig(t)
	acct := r.cfg.Channels["sink"].Accounts["default"]
	acct.Rate, _ = config.ParseRate("20/s")
	r.cfg.Channels["sink"].Accounts["default"] = acct
	r.start()
	c := r.kafka()
	const n = 40
	later := fmt.Sprintf(`,"send_at":%q`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	r.publishCampaign("sends.bulk", "x", later, 0, n)
	r.publishCampaign("sends.bulk", "x", "", n, 3*n)
	r.statuses(func(all []*carillonv1.Status) bool { return len(outcomes(all)) >= 5 })
	got := r.ask(c, r.cancelOf("x"))
	attempted := len(r.received())
	if int(got.Sends)+attempted != 3*n || got.Sends == 0 || attempted == 0 {
		t.Errorf("canceled %d, attempted %d of %d", got.Sends, attempted, 3*n)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.publishCampaign("sends.bulk", "x", "", 3*n, 4*n)
	r.publishCampaign("sends.bulk", "y", "", 0, 10)
	r.start()
	ended := outcomes(r.statuses(untilOutcomes(4*n + 10)))
	received := r.received()
	for i := range 4 * n {
		id := fmt.Sprintf("x%d", i)
		if len(ended[id]) != 1 || ended[id]["sent"] != received[id] || ended[id]["canceled"] == received[id] {
			t.Errorf("%s ended %v and was received %d times", id, ended[id], received[id])
		}
	}
	if len(received) != attempted+10 {
		t.Errorf("%d were attempted before the cancel, and %d in all, 10 of them of another campaign", attempted, len(received))
	}
}

// A campaign is paused before a restart, and resumed after it: nothing of it goes
// meanwhile, and all of it afterwards.
func TestCampaignIsPaused(t *testing.T) {
	r := newRig(t)
	r.start()
	c := r.kafka()
	const n = 40
	r.ask(c, r.pauseOf("p", "x", false))
	r.publishCampaign("sends", "x", "", 0, n)
	r.publishCampaign("sends", "y", "", 0, n)
	r.statuses(untilOutcomes(n))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.publishCampaign("sends", "x", "", n, 2*n)
	r.publishCampaign("sends", "y", "", n, 2*n)
	r.statuses(untilOutcomes(2 * n))
	if got := len(r.received()); got != 2*n {
		t.Errorf("%d were received, %d of them of a campaign that is paused", got, got-2*n)
	}
	r.ask(c, r.pauseOf("q", "x", true))
	if err := control.Forget(t.Context(), c, r.cfg.Topic("control"), control.KeyOf(r.pauseOf("q", "x", true))); err != nil {
		t.Fatal(err)
	}
	r.statuses(untilOutcomes(4 * n))
	if got := len(r.received()); got != 4*n {
		t.Errorf("%d were received, want %d", got, 4*n)
	}
}
