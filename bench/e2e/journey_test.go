package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/plugins/sink"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

func record(key, value string, headers ...string) *kgo.Record {
	r := &kgo.Record{Topic: "sends", Value: []byte(value)}
	if key != "" {
		r.Key = []byte(key)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return r
}

func minimal(id string) string {
	return fmt.Sprintf(`{"id":%q,"app":"shop","to":{"id":"u1"},"channels":["sink"],"content":{"body":"B"}}`, id)
}

// The same id again is a duplicate and reaches nobody: at once, after a restart
// on the same disk, and after one on an empty disk, where Kafka alone knows.
func TestDuplicate(t *testing.T) {
	r := newRig(t)
	r.start()
	r.publish(record("u1", minimal("k1")), record("u1", minimal("k1")))
	r.statuses(untilOutcomes(2))
	for i, lose := range []bool{false, true} {
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if lose {
			if err := os.RemoveAll(r.cfg.Data); err != nil {
				t.Fatal(err)
			}
		}
		r.start()
		r.publish(record("u1", minimal("k1")))
		r.statuses(untilOutcomes(3 + i))
	}
	got := outcomes(r.statuses(untilOutcomes(4)))["k1"]
	if got["sent"] != 1 || got["duplicate"] != 3 {
		t.Errorf("outcomes %v, want one sent and three duplicates", got)
	}
	if n := r.received()["k1"]; n != 1 {
		t.Errorf("the receiver got it %d times", n)
	}
}

// All ways of writing a send are read.
func TestFormats(t *testing.T) {
	r := newRig(t)
	r.start()
	msg := &carillonv1.Send{
		Id: "proto", App: "shop", To: &carillonv1.Recipient{Id: "u1"}, Channels: []string{"sink"},
		Content: &carillonv1.Content{Body: "B"},
	}
	wire, err := proto.Marshal(msg) // the standard encoder, not the one that the engine uses
	if err != nil {
		t.Fatal(err)
	}
	structured, err := json.Marshal(map[string]any{
		"specversion": "1.0", "type": "com.carillon.send.v1", "source": "/test", "id": "e1",
		"datacontenttype": "application/json", "data": json.RawMessage(minimal("structured")),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.publish(
		record("u1", minimal("json")),
		record("u1", `{"id":"snake","app":"shop","to":{"id":"u1","time_zone":"Europe/Lisbon"},"channels":["sink"],"content":{"body":"B"},"test_mode":false}`),
		record("u1", string(wire), "content-type", "application/x-protobuf"),
		record("u1", string(structured), "content-type", "application/cloudevents+json"),
		record("u1", minimal("binary"), "content-type", "application/json", "ce_specversion", "1.0",
			"ce_type", "com.carillon.send.v1", "ce_source", "/test", "ce_id", "e2"),
	)
	got := outcomes(r.statuses(untilOutcomes(5)))
	for _, id := range []string{"json", "snake", "proto", "structured", "binary"} {
		if got[id]["sent"] != 1 {
			t.Errorf("%s: outcomes %v, want sent", id, got[id])
		}
	}
}

// What fails is tried again until it is sent; every attempt is in the sink's
// ledger, and the last event says how many there were.
func TestRetries(t *testing.T) {
	r := newRig(t)
	r.settings(map[string]any{"failures": 0.3, "throttles": 0.1, "retry_after": "30ms"})
	r.start()
	const n = 300
	for i := range n {
		r.enqueue(sinkSend("sends", i))
	}
	all := r.statuses(untilOutcomes(n))
	parked := 0
	for _, s := range all {
		switch {
		case s.Status == carillonv1.State_STATE_PARKED:
			parked++
		case s.Kind == carillonv1.Kind_KIND_OUTCOME && s.Status != carillonv1.State_STATE_SENT && s.Attempt < 8:
			t.Errorf("%s ended %s after %d attempts", s.Id, send.StateName(s.Status), s.Attempt)
		}
	}
	if parked < n/4 {
		t.Errorf("%d were parked, want about %d", parked, n*4/10)
	}
	received := r.received()
	for _, s := range all {
		if s.Kind == carillonv1.Kind_KIND_OUTCOME && received[s.Id] != int(s.Attempt) {
			t.Errorf("%s: %d attempts by its outcome, %d by the receiver", s.Id, s.Attempt, received[s.Id])
		}
	}
}

// Nothing is sent before its time nor after it, also over a restart.
func TestTimes(t *testing.T) {
	r := newRig(t)
	r.start()
	at := time.Now().Add(1500 * time.Millisecond)
	with := func(id, more string) *kgo.Record {
		return record("u1", strings.TrimSuffix(minimal(id), "}")+more+"}")
	}
	r.publish(
		with("later", fmt.Sprintf(`,"sendAt":%q`, at.Format(time.RFC3339Nano))),
		with("gone", `,"expiresAt":"2020-01-01T00:00:00Z"`),
		with("test", `,"testMode":true`),
	)
	r.statuses(untilOutcomes(2))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.start()
	all := r.statuses(untilOutcomes(3))
	got := outcomes(all)
	if got["later"]["sent"] != 1 || got["gone"]["expired"] != 1 || got["test"]["sent"] != 1 {
		t.Errorf("outcomes %v", got)
	}
	received := r.entries()
	if len(received) != 1 || received[0].ID != "later" || received[0].At.Before(at) {
		t.Errorf("the receiver got %+v, want only `later` and not before %v", received, at)
	}
	for _, s := range all {
		if s.Id == "test" && s.Reason.GetClass() != "test" {
			t.Errorf("a send in test mode ended with reason %v", s.Reason)
		}
	}
}

// An account's rate holds, whatever waits: so many can't be done sooner. (That it
// holds in each window is shown on virtual time, where no machine is in between.)
func TestRate(t *testing.T) {
	r := newRig(t)
	acct := r.cfg.Channels["sink"].Accounts["default"]
	acct.Rate.Count, acct.Rate.Per, acct.Burst = 200, time.Second, 10
	r.cfg.Channels["sink"].Accounts["default"] = acct
	r.start()
	const n = 400
	began := time.Now()
	for i := range n {
		r.enqueue(sinkSend("sends.bulk", i))
	}
	r.statuses(untilOutcomes(n))
	var last time.Time
	for _, e := range r.entries() {
		if e.At.After(last) {
			last = e.At
		}
	}
	if took, least := last.Sub(began), (n-10)*time.Second/200; took < least {
		t.Errorf("%d sends in %v, which takes %v at least", n, took, least)
	}
}

// A stop under load and a start again: nothing is lost and nothing doubled.
func TestStopAndStart(t *testing.T) {
	r := newRig(t)
	r.settings(map[string]any{"latency": "5ms"})
	r.start()
	const n = 6000
	for i := range n {
		r.enqueue(sinkSend("sends", i))
		if i%2000 == 1000 {
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
			r.start()
		}
	}
	got := outcomes(r.statuses(untilOutcomes(n)))
	received := r.received()
	for i := range n {
		id := fmt.Sprintf("m%d", i)
		if len(got[id]) != 1 || got[id]["sent"] != 1 || received[id] != 1 {
			t.Errorf("%s: outcomes %v, received %d times", id, got[id], received[id])
		}
	}
}

// Topics whose partitions do not agree are refused with the way out.
func TestTopicsThatDisagree(t *testing.T) {
	r := newRig(t)
	r.start()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.cfg.Kafka.Topics.Partitions = 6
	err := r.run()
	if err == nil || !strings.Contains(err.Error(), "set kafka.topics.partitions to 4") {
		t.Errorf("the engine ended with %v", err)
	}
}

func (r *rig) entries() []sink.Entry {
	r.t.Helper()
	all, err := sink.ReadLedger(r.ledger)
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// A plugin that can't start is one clear sentence.
func TestPluginThatWillNotStart(t *testing.T) {
	r := newRig(t)
	ch := r.cfg.Channels["sink"]
	ch.Plugin.Bundled, ch.Plugin.Path, ch.Plugin.SHA256 = "", filepath.Join(t.TempDir(), "absent"), strings.Repeat("0", 64)
	r.cfg.Channels["sink"] = ch
	err := r.run()
	if err == nil || !strings.Contains(err.Error(), "absent") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the engine ended with %v", err)
	}
}

// What the group has committed is not what the last owner left: nothing is sent
// again because of it, and nothing of the shard is read until an operator says
// from where. The node that runs goes on by itself then.
func TestForeignCommits(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *rig) error
	}{
		{"it was deleted", func(r *rig) error {
			gone := kmsg.NewPtrDeleteGroupsRequest()
			gone.Groups = []string{r.cfg.Kafka.Group}
			_, err := gone.RequestWith(r.t.Context(), r.client)
			return err
		}},
		{"another tool has reset it to the beginning", func(r *rig) error { return r.commit(kafka.Commit{}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.cfg.Kafka.Topics.Partitions = 1
			sink := r.cfg.Channels["sink"]
			sink.Deadline = time.Second // what the last owner may have begun waits for it
			r.cfg.Channels["sink"] = sink
			r.start()
			r.publish(record("u1", minimal("a")), record("u1", minimal("b")))
			r.statuses(untilOutcomes(2))
			err := errors.Join(r.stop(), c.do(r), os.RemoveAll(r.cfg.Data)) // Kafka alone must know
			if err != nil {
				t.Fatal(err)
			}
			r.start()
			r.publish(record("u1", minimal("c")))
			if fault := r.page("/readyz"); !strings.Contains(fault, "--from 2") {
				t.Fatalf("/readyz says %s", fault)
			}
			r.accept(2)
			r.statuses(untilOutcomes(3))
			for id, n := range r.received() {
				if n != 1 {
					t.Errorf("%s reached the receiver %d times", id, n)
				}
			}
		})
	}
}

// commit commits for the one urgent partition, as another tool does.
func (r *rig) commit(c kafka.Commit) error {
	client, err := engine.Connect(r.cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	c.Partition = kafka.Partition{Topic: r.cfg.Topic("sends")}
	return client.CommitOffsets(r.t.Context(), r.cfg.Kafka.Group, -1, "", []kafka.Commit{c})
}

// accept says from where to go on with the one urgent partition.
func (r *rig) accept(from int64) {
	r.t.Helper()
	client, err := engine.Connect(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	p := kafka.Partition{Topic: r.cfg.Topic("sends")}
	commits, err := client.CommittedOffsets(r.t.Context(), r.cfg.Kafka.Group, []kafka.Partition{p})
	if err != nil {
		r.t.Fatal(err)
	}
	err = control.Publish(r.t.Context(), client, r.cfg.Topic("control"), &controlv1.Record{
		By: "test", Reason: "test", AtMs: time.Now().UnixMilli(),
		Object: &controlv1.Record_Acceptance{Acceptance: &controlv1.Acceptance{
			Topic: p.Topic, Partition: p.Index, State: engine.Fingerprint(commits[p]), From: from,
		}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// page returns a page of the engine's own port.
func (r *rig) page(path string) string {
	r.t.Helper()
	res, err := http.Get("http://" + r.cfg.HTTP.Listen + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(body)
}

// The topics are deleted and made anew under an old data directory: what it
// knows is about other records, and hides none of the new ones.
func TestTopicsMadeAnew(t *testing.T) {
	r := newRig(t)
	r.cfg.Kafka.Topics.Partitions = 1
	r.start()
	for i := range 5 {
		r.publish(record("u1", minimal(fmt.Sprintf("old%d", i))))
	}
	r.statuses(untilOutcomes(5))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	gone := kmsg.NewPtrDeleteTopicsRequest()
	for _, spec := range engine.Topics(r.cfg) {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(spec.Name)
		gone.Topics, gone.TopicNames = append(gone.Topics, topic), append(gone.TopicNames, spec.Name)
	}
	if _, err := gone.RequestWith(t.Context(), r.client); err != nil {
		t.Fatal(err)
	}
	group := kmsg.NewPtrDeleteGroupsRequest()
	group.Groups = []string{r.cfg.Kafka.Group}
	if _, err := group.RequestWith(t.Context(), r.client); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.connect()
	for i := range 5 {
		r.publish(record("u1", minimal(fmt.Sprintf("new%d", i))))
	}
	got := outcomes(r.statuses(untilOutcomes(5)))
	for i := range 5 {
		if id := fmt.Sprintf("new%d", i); got[id]["sent"] != 1 {
			t.Errorf("%s: outcomes %v", id, got[id])
		}
	}
}
