// Package e2e tests the whole engine from Kafka to Kafka: a broker in a process
// of its own, plugins as child processes, and a client at both ends that we did
// not write.
package e2e

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func sinkSend(topic string, i int) *kgo.Record {
	recipient := fmt.Sprintf("u%d", i)
	return &kgo.Record{Topic: topic, Key: []byte(recipient), Value: fmt.Appendf(nil,
		`{"id":"m%d","app":"shop","to":{"id":%q},"channels":["sink"],"content":{"title":"T","body":"B"}}`, i, recipient)}
}

// Sends on both topics, most of them on partitions that another partitioner
// chose: each is delivered once and has one outcome.
func TestEverySendOnce(t *testing.T) {
	r := newRig(t)
	r.start()
	const n = 2000
	for i := range n {
		r.enqueue(sinkSend([]string{"sends", "sends.bulk"}[i%2], i))
	}
	if err := r.client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := outcomes(r.statuses(untilOutcomes(n)))
	received := r.received()
	for i := range n {
		id := fmt.Sprintf("m%d", i)
		if len(got[id]) != 1 || got[id]["sent"] != 1 {
			t.Errorf("%s: outcomes %v, want one sent", id, got[id])
		}
		if received[id] != 1 {
			t.Errorf("%s reached the receiver %d times", id, received[id])
		}
	}
}
