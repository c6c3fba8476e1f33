package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// another makes a second node of the same engine: of its group and on its
// topics, with a disk, a port and a receiver's ledger of its own.
func (r *rig) another() *rig {
	n := newRigOn(r.t, r.broker)
	n.cfg.Kafka.Prefix, n.cfg.Kafka.Group = r.cfg.Kafka.Prefix, r.cfg.Kafka.Group
	return n
}

// A standby takes over what it has followed, from memory: all that was finished
// is known, whoever finished it, and gives the shards back as well.
func TestStandby(t *testing.T) {
	const n = 400
	var sends [2][]*kgo.Record
	for i := range 2 * n {
		sends[i/n] = append(sends[i/n], sinkSend("sends", i))
	}
	again := func(records []*kgo.Record) (all []*kgo.Record) {
		for _, r := range records {
			all = append(all, &kgo.Record{Topic: "sends", Key: r.Key, Value: r.Value})
		}
		return all
	}
	a := newRig(t)
	a.cfg.Engine.Standby = true
	a.start()
	b := a.another()
	b.cfg.Engine.Standby = true
	b.start()
	a.publish(sends[0]...)
	a.statuses(untilOutcomes(n))
	for deadline := time.Now().Add(30 * time.Second); b.metric("carillon_standby_shards") < 2; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the standby follows nothing")
		}
	}
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	a.publish(again(sends[0])...)
	a.statuses(untilOutcomes(2 * n))
	a.cfg.Data = filepath.Join(t.TempDir(), "data") // and a new disk
	a.start()
	a.publish(again(sends[0])...)
	a.publish(sends[1]...)
	all := outcomes(a.statuses(untilOutcomes(4 * n)))
	for id, states := range all {
		if states["sent"] != 1 {
			t.Errorf("%s ended %v", id, states)
		}
	}
	got := a.received()
	for id, times := range b.received() {
		got[id] += times
	}
	for id, times := range got {
		if times != 1 {
			t.Errorf("%s reached the receivers %d times", id, times)
		}
	}
	if len(all) != 2*n || len(got) != 2*n {
		t.Errorf("%d ids have outcomes and %d were received, want %d", len(all), len(got), 2*n)
	}
}

// A disk that is nearly full stops what would fill it, and loses nothing.
func TestDiskNearlyFull(t *testing.T) {
	r := newRig(t)
	r.cfg.DataMinFree = 1 << 60
	r.start()
	if fault := r.page("/readyz"); !strings.Contains(fault, "sending is paused until there is more room") {
		t.Errorf("/readyz says %s", fault)
	}
	r.publish(sinkSend("sends", 1))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(r.received()); n != 0 {
		t.Errorf("%d were sent", n)
	}
	r.cfg.DataMinFree = 64 << 20
	r.start()
	r.statuses(untilOutcomes(1))
}
