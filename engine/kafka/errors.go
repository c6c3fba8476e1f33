package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
)

// BatchError is a batch that cannot be read: damaged, in a format of before
// Kafka 0.11, or one that grows beyond Config.MaxDecompressed. All records of
// the partition before Offset have been handed out.
type BatchError struct {
	Partition  Partition
	Offset     int64  // the first offset that cannot be read
	NextOffset int64  // where to go on for who decides to skip
	Reason     string // for people; no data of the batch in it
}

func (e *BatchError) Error() string {
	return fmt.Sprintf("batch at offset %d of %s cannot be read: %s (next readable offset may be %d)",
		e.Offset, e.Partition, e.Reason, e.NextOffset)
}

// codeError turns a broker's error code into an error for errors.Is with the
// constants of kafka-go; 0 is nil.
func codeError(code int16) error {
	if code == 0 {
		return nil
	}
	return kafkago.Error(code)
}

// Retriable tells whether the same request may succeed later without anybody
// changing it: the broker said so, or the connection failed. A context that
// ended is retriable if it was the request's own time limit; check yours.
// What a request that failed retriably did at the broker is unknown.
func Retriable(err error) bool {
	var code kafkago.Error
	if errors.As(err, &code) {
		return slices.Contains(retriable, code)
	}
	var wrong protocol.Error // kafka-go does not understand the answer
	return err != nil && !errors.As(err, &wrong) && !errors.Is(err, context.Canceled) && !errors.Is(err, errTooOld)
}

// retriable is the broker's list of retriable errors (org.apache.kafka.common.protocol.Errors,
// subclasses of RetriableException) as far as our requests meet them.
var retriable = []kafkago.Error{
	kafkago.InvalidMessage, // CORRUPT_MESSAGE: damaged on the way
	kafkago.UnknownTopicOrPartition, kafkago.LeaderNotAvailable, kafkago.NotLeaderForPartition,
	kafkago.RequestTimedOut, kafkago.BrokerNotAvailable, kafkago.ReplicaNotAvailable, kafkago.NetworkException,
	kafkago.GroupLoadInProgress, kafkago.GroupCoordinatorNotAvailable, kafkago.NotCoordinatorForGroup,
	kafkago.NotEnoughReplicas, kafkago.NotEnoughReplicasAfterAppend, kafkago.NotController,
	kafkago.KafkaStorageError, kafkago.FencedLeaderEpoch, kafkago.UnknownLeaderEpoch, kafkago.OffsetNotAvailable,
	kafkago.ConcurrentTransactions, kafkago.UnstableOffsetCommit, kafkago.ThrottlingQuotaExceeded,
	kafkago.UnknownTopicID, kafkago.InconsistentTopicID,
}

// leaderMoved tells whether err says that the partition is led by somebody
// else, so that the layout has to be read again.
func leaderMoved(err error) bool {
	return Is(err, kafkago.NotLeaderForPartition, kafkago.LeaderNotAvailable, kafkago.UnknownTopicOrPartition,
		kafkago.ReplicaNotAvailable, kafkago.FencedLeaderEpoch, kafkago.UnknownLeaderEpoch,
		kafkago.KafkaStorageError, kafkago.BrokerNotAvailable, kafkago.UnknownTopicID, kafkago.InconsistentTopicID)
}

// Is tells whether err is one of the broker's errors of that list.
func Is(err error, list ...kafkago.Error) bool {
	var code kafkago.Error
	return errors.As(err, &code) && slices.Contains(list, code)
}

// Ping asks a broker for its versions. Its error is one sentence that says
// what to do.
func (c *Client) Ping(ctx context.Context) error {
	err := errors.New("no broker is configured")
	for try := 0; try < 2 && err != nil && len(c.cfg.Brokers) > 0; try++ { // the first may meet a connection that died while idle
		_, err = c.ask(ctx, anyBroker, &apiversions.Request{}, 0)
	}
	if err == nil {
		return nil
	}
	return &unreachable{strings.Join(c.cfg.Brokers, ", "), err}
}

type unreachable struct {
	brokers string
	err     error
}

func (e *unreachable) Unwrap() error { return e.err }

func (e *unreachable) Error() string {
	reason, remedy := e.err.Error(), "start a broker or set kafka.brokers"
	var op *net.OpError
	var number syscall.Errno
	switch {
	case errors.As(e.err, &number):
		reason = number.Error()
	case errors.Is(e.err, kafkago.SASLAuthenticationFailed), errors.Is(e.err, kafkago.UnsupportedSASLMechanism):
		remedy = "check kafka.sasl"
	case strings.Contains(reason, "tls: "), strings.Contains(reason, "x509: "), strings.Contains(reason, "expecting TLS"):
		remedy = "check kafka.tls"
	case errors.As(e.err, &op):
		reason = op.Err.Error()
	case errors.Is(e.err, context.DeadlineExceeded):
		reason = "no answer in time"
	}
	return fmt.Sprintf("cannot reach Kafka at %s: %s; %s", e.brokers, reason, remedy)
}
