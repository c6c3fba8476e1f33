package kafka

import (
	"context"
	"io"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/createtopics"
)

// direct carries a message to one named broker. kafka-go would route it by
// its own metadata, which may be seconds old, would ask for the coordinator
// before each group request, and would split a ListOffsets by partition.
type direct struct {
	protocol.Message
	broker   int32
	clientID string
	version  int16
}

func (d *direct) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: d.broker}, nil
}

func (d *direct) Required(versions map[protocol.ApiKey]int16) bool {
	d.version = versions[d.ApiKey()]
	return true
}

func (d *direct) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	// A connection carries one request at a time, so any correlation id does.
	m, err := protocol.RoundTrip(rw, d.version, 1, d.clientID, d.Message)
	if err != nil {
		return nil, err
	}
	return &answer{m}, nil
}

// answer hides an answer's type from the Transport, which acts on some.
type answer struct{ protocol.Message }

// rediscover makes the Transport read the cluster's list of brokers now. Its
// only way to be told so is the answer of a CreateTopics: wake is one that
// never reaches a broker.
func (c *Client) rediscover(ctx context.Context) {
	_, _ = c.transport.RoundTrip(ctx, c.addr, wake{}) // what remains wrong shows in the next request
}

type wake struct{}

func (wake) ApiKey() protocol.ApiKey                 { return protocol.CreateTopics } //nolint:staticcheck // the name is kafka-go\'s
func (wake) Required(map[protocol.ApiKey]int16) bool { return true }
func (wake) RawExchange(io.ReadWriter) (protocol.Message, error) {
	return &createtopics.Response{}, nil
}
