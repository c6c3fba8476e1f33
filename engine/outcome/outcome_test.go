package outcome_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/outcome"
)

func TestOrderAndBaseOffsets(t *testing.T) {
	b := newBench(t, outcome.Config{BatchBytes: 500, RequestBytes: 900})
	b.sendNumbered(4, 400)
	b.flush()
	b.storedInOrderOnce(4, 400)
	if s := b.producer.Stats(); s.Records != 1600 || s.Retries != 0 || s.Requests == 0 {
		t.Errorf("%+v", s)
	}
}

func TestLostAcknowledgementIsStoredOnce(t *testing.T) {
	b := newBench(t, outcome.Config{BatchBytes: 500})
	b.cut.Store(5)
	b.sendNumbered(4, 300)
	b.flush()
	b.storedInOrderOnce(4, 300)
	if b.cut.Load() > 0 {
		t.Error("no answer was lost")
	}
}

func TestTimeoutAtTheBrokerIsStoredOnce(t *testing.T) {
	b := newBench(t, outcome.Config{BatchBytes: 500})
	// These two are answered, and the work is done all the same.
	fault := b.cluster.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: 3},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: 3},
	)
	b.sendNumbered(4, 300)
	b.flush()
	b.storedInOrderOnce(4, 300)
	if fault.Hits() < 6 {
		t.Errorf("%d faults", fault.Hits())
	}
}

func TestOtherFaultsAreRetriedInOrder(t *testing.T) {
	var retried atomic.Int32
	b := newBench(t, outcome.Config{BatchBytes: 500, OnRetry: func(error) { retried.Add(1) }})
	for _, err := range []*kerr.Error{kerr.NotEnoughReplicas, kerr.CorruptMessage, kerr.KafkaStorageError, kerr.NotLeaderForPartition, kerr.LeaderNotAvailable} {
		b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1, 2}, Err: err})
	}
	b.sendNumbered(4, 300)
	b.flush()
	b.storedInOrderOnce(4, 300)
	if retried.Load() == 0 || b.producer.Stats().Retries == 0 {
		t.Error("retries are not counted")
	}
}

func TestLeadersMoveUnderLoad(t *testing.T) {
	b := newBench(t, outcome.Config{BatchBytes: 300}, kfake.NumBrokers(3))
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		for i := int32(0); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
				if err := b.cluster.MoveTopicPartition(topic, i%4, (i/4)%3); err != nil {
					t.Error(err)
				}
			}
		}
	})
	b.sendNumbered(4, 600)
	b.flush()
	close(stop)
	moving.Wait()
	b.storedInOrderOnce(4, 600)
}

func TestBrokerLosesTrackOfTheProducer(t *testing.T) {
	for _, fault := range []*kerr.Error{kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerEpoch} {
		b := newBench(t, outcome.Config{BatchBytes: 500})
		b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{2}, Err: fault, Count: 3})
		b.sendNumbered(4, 100)
		b.flush()
		b.storedInOrderOnce(4, 100)
		if n := b.producer.Stats().Renewals; n != 3 {
			t.Errorf("%v: %d renewals, want 3", fault, n)
		}
		if lines := strings.Count(b.log.String(), "\n"); lines != 1 || !strings.Contains(b.log.String(), "fresh producer id") {
			t.Errorf("%v: %d lines: %s", fault, lines, b.log.String())
		}
	}
}

func TestNoLeaderForAWhile(t *testing.T) {
	b := newBench(t, outcome.Config{TopicTimeout: time.Millisecond})
	fault := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.LeaderNotAvailable, Count: 10})
	b.sendNumbered(4, 50)
	b.flush()
	b.storedInOrderOnce(4, 50)
	if fault.Hits() < 10 {
		t.Errorf("%d faults", fault.Hits())
	}
}

func TestPermanentRefusals(t *testing.T) {
	b := newBench(t, outcome.Config{TopicTimeout: 50 * time.Millisecond})
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed})
	b.send(1, "not allowed")
	b.flush()
	b.wantErr("not allowed", kafkago.TopicAuthorizationFailed)
	b.send(1, "1-0", "1-1") // the partition goes on
	missing := make(chan error, 1)
	b.producer.Produce(kafka.Partition{Topic: "missing"}, []kafka.Record{{Value: []byte("v")}}, func(_ int64, err error) { missing <- err })
	b.flush()
	b.wantErr("1-0", nil)
	err := <-missing
	if !errors.Is(err, kafkago.UnknownTopicOrPartition) || !strings.Contains(err.Error(), "create it") {
		t.Errorf("missing topic: %v", err)
	}
}

func TestTopicThatAppearsLate(t *testing.T) {
	b := newBench(t, outcome.Config{})
	got := make(chan error, 1)
	b.producer.Produce(kafka.Partition{Topic: "late"}, []kafka.Record{{Value: []byte("v")}}, func(_ int64, err error) { got <- err })
	for b.producer.Stats().Retries < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := b.client.CreateTopics(context.Background(), []kafka.TopicSpec{{Name: "late", Partitions: 1, Replication: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestTooLargeIsOnlyTheLargeOne(t *testing.T) {
	b := newBench(t, outcome.Config{}, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "2000"}))
	values := strings.Fields(numbered(0, 300))
	huge := strings.Repeat("x", 5000)
	// Held back by a fault, so that all are in one batch.
	hold := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Err: kerr.CoordinatorLoadInProgress, Count: -1})
	for _, v := range values[:150] {
		b.send(0, v)
	}
	b.send(0, huge)
	for _, v := range values[150:] {
		b.send(0, v)
	}
	hold.Remove()
	b.flush()
	b.wantErr(huge, kafkago.MessageSizeTooLarge)
	b.mu.Lock()
	delete(b.calls, huge)
	b.mu.Unlock()
	got, want := b.stored(1)[0], strings.Join(values, " ")
	if got != want {
		t.Errorf("got %.200s\nwant %.200s", got, want)
	}
}

// A batch may have been stored although its answer was lost; then it is refused
// for good before it is sent again. The next one must not be taken for it: it
// would be acknowledged and never stored.
func TestRefusedAfterALostAcknowledgement(t *testing.T) {
	b := newBench(t, outcome.Config{})
	b.send(0, "0-0")
	b.flush()
	b.cut.Store(1)
	fault := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.TopicAuthorizationFailed, Count: -1})
	b.send(0, "lost")
	b.flush()
	b.wantErr("lost", kafkago.TopicAuthorizationFailed)
	fault.Remove()
	b.send(0, "0-1")
	b.flush()
	b.wantErr("0-1", nil)
	if got := b.stored(1)[0]; got != "0-0 lost 0-1" {
		t.Errorf("stored %s", got)
	}
}
