package kafka_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
)

// peer is a broker to test against, with a topic of two partitions.
type peer struct {
	addrs  []string
	topic  string
	client *kafka.Client
}

// startApache starts Apache Kafka, where the tests are built with it.
var startApache func(t *testing.T) (addrs []string)

// onEach runs a test on the embedded broker and, under the tag integration,
// on Apache Kafka.
func onEach(t *testing.T, test func(*testing.T, peer)) {
	t.Run("kfake", func(t *testing.T) {
		cluster, _ := broker(t, 2, "unused")
		test(t, connect(t, cluster.ListenAddrs()))
	})
	if startApache != nil {
		t.Run("apache", func(t *testing.T) { test(t, connect(t, startApache(t))) })
	}
}

func connect(t *testing.T, addrs []string) peer {
	client := kafka.NewClient(kafka.Config{Brokers: addrs, ClientID: "test", RequestTimeout: 10 * time.Second})
	t.Cleanup(client.Close)
	return peer{addrs: addrs, client: client}.fresh(t)
}

// topics counts the topics made, for one broker sees all runs of a test.
var topics atomic.Int32

// fresh is the same broker with a topic of its own for the test.
func (p peer) fresh(t *testing.T) peer {
	t.Helper()
	p.topic = fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "."), topics.Add(1))
	if err := p.client.CreateTopics(within(t), []kafka.TopicSpec{{Name: p.topic, Partitions: 2, Replication: 1}}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p peer) partition() kafka.Partition { return kafka.Partition{Topic: p.topic} }
