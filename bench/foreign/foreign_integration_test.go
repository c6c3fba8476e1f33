//go:build integration

package foreign

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/bench/broker"
)

func TestMain(m *testing.M) {
	broker.ServeIfAsked()
	os.Exit(m.Run())
}

const partitions = 6

// On both brokers: what one foreign client writes another reads, and kcat's
// partitioner is what its setting says.
func TestEmbedded(t *testing.T) {
	b, err := broker.StartEmbedded(t.Context(), broker.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	clients(t, b)
}

func TestKafka(t *testing.T) {
	b, err := broker.StartKafka(t.Context(), broker.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	clients(t, b)
}

func clients(t *testing.T, b *broker.Broker) {
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	records := sends(300)
	for _, c := range []struct {
		name    string
		produce func(topic string) error
		murmur2 bool
	}{
		{"kcat", func(topic string) error { return KcatProduce(ctx, b.Addr(), topic, records) }, false},
		{"kcat-murmur2", func(topic string) error { return KcatProduce(ctx, b.Addr(), topic, records, Murmur2) }, true},
		{"console", func(topic string) error { return ConsoleProduce(ctx, b.Addr(), topic, records) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			createTopic(t, b.Addr(), c.name)
			if err := c.produce(c.name); err != nil {
				t.Fatal(err)
			}
			console, err := ConsoleRead(ctx, b.Addr(), c.name, len(records))
			if err != nil {
				t.Fatal(err)
			}
			same(t, "Kafka's console consumer", console, records)
			kcat, err := KcatRead(ctx, b.Addr(), c.name)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "kcat", kcat, records)
			misplaced := countMisplaced(kcat)
			if c.murmur2 && misplaced > 0 || !c.murmur2 && misplaced < len(records)/2 {
				t.Errorf("%d of %d records are not on the partition of murmur2", misplaced, len(records))
			}
			follows(ctx, t, b.Addr(), c.name, len(records))
		})
	}
}

// sends are JSON sends as a producer writes them, one without a key and one
// that is not JSON.
func sends(n int) []Record {
	var records []Record
	for i := range n {
		user := fmt.Sprintf("u%d", i)
		records = append(records, Record{Key: []byte(user), Value: fmt.Appendf(nil,
			`{"id":"k%d","app":"shop","to":{"id":%q,"email":"%s@example.com"},"channels":["email"],"content":{"title":"Olá","body":"B"}}`,
			i, user, user)})
	}
	records[1].Key = nil
	records[2].Value = []byte("{not json")
	return records
}

func createTopic(t *testing.T, addr, topic string) {
	t.Helper()
	conn, err := kafka.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.CreateTopics(kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1})
	if err != nil {
		t.Fatalf("creating topic %s: %v", topic, err)
	}
}

// same compares keys and values, in no order.
func same(t *testing.T, who string, got, want []Record) {
	t.Helper()
	order := func(a, b Record) int {
		return cmp.Or(bytes.Compare(a.Key, b.Key), bytes.Compare(a.Value, b.Value))
	}
	equal := func(a, b Record) bool {
		return (a.Key == nil) == (b.Key == nil) && order(a, b) == 0
	}
	got, want = slices.SortedFunc(slices.Values(got), order), slices.SortedFunc(slices.Values(want), order)
	if !slices.EqualFunc(got, want, equal) {
		t.Errorf("%s read %d records that are not the %d written", who, len(got), len(want))
	}
}

// countMisplaced counts records that are not where kafka-go's own murmur2 puts
// their key.
func countMisplaced(records []Record) int {
	all := make([]int, partitions)
	for i := range all {
		all[i] = i
	}
	count := 0
	for _, r := range records {
		if r.Key != nil && (kafka.Murmur2Balancer{}).Balance(kafka.Message{Key: r.Key}, all...) != r.Partition {
			count++
		}
	}
	return count
}

// follows shows that a reader ends when it has seen enough, and says so when it
// never does.
func follows(ctx context.Context, t *testing.T, addr, topic string, n int) {
	t.Helper()
	seen := 0
	if err := KcatFollow(ctx, addr, topic, func(Record) bool { seen++; return seen < n }); err != nil || seen != n {
		t.Errorf("following %s: %d records, %v", topic, seen, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	seen = 0
	err := KcatFollow(ctx, addr, topic, func(Record) bool {
		if seen++; seen == n {
			cancel()
		}
		return true
	})
	if err == nil {
		t.Error("following beyond the end of the context is no error")
	}
}
