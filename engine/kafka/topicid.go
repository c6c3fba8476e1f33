package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TopicIDs returns the ids that the cluster gave to the topics when they were
// made (KIP-516): a topic that is deleted and made anew under its name has
// another one. A missing topic is absent. Brokers before Kafka 2.8 know no ids
// and end the connection.
func (c *Client) TopicIDs(ctx context.Context, topics []string) (map[string][16]byte, error) {
	req := &topicIDs{clientID: c.cfg.ClientID}
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	var ids map[string][16]byte
	err := c.retry(ctx, func() error {
		m, err := c.transport.RoundTrip(ctx, c.addr, req)
		if err == nil {
			ids = m.(*topicIDs).ids
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("asking Kafka for the ids of topics: %w", err)
	}
	return ids, nil
}

// topicIDs is a Metadata request of a version that kafka-go does not speak, and
// its answer. kmsg knows the format.
type topicIDs struct {
	kmsg.MetadataRequest
	clientID string
	ids      map[string][16]byte
}

func (*topicIDs) ApiKey() protocol.ApiKey { return protocol.Metadata } //nolint:staticcheck // the name is kafka-go's

func (*topicIDs) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: anyBroker}, nil
}

// Required implements protocol.RawExchanger. The versions are those that
// kafka-go would take, so the broker's own bound is found by trying.
func (*topicIDs) Required(map[protocol.ApiKey]int16) bool { return true }

// withIDs is the first version of Metadata that answers with topic ids.
const withIDs = 10

// maxMetadata bounds the answer, of five topics with all their partitions.
const maxMetadata = 64 << 20

func (r *topicIDs) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	r.Version = withIDs
	request := kmsg.NewRequestFormatter(kmsg.FormatterClientID(r.clientID)).AppendRequest(nil, &r.MetadataRequest, 1)
	if _, err := rw.Write(request); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 5 || n > maxMetadata {
		return nil, fmt.Errorf("the broker announces an answer of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(rw, b); err != nil {
		return nil, err
	}
	if b[4] != 0 { // the correlation id, then the header's tagged fields: none
		return nil, errors.New("the broker's answer has a header that is not known here")
	}
	res := kmsg.NewPtrMetadataResponse()
	res.Version = withIDs
	if err := res.ReadFrom(b[5:]); err != nil {
		return nil, fmt.Errorf("the broker's answer about topics: %w", err)
	}
	out := &topicIDs{ids: map[string][16]byte{}}
	for _, t := range res.Topics {
		if t.ErrorCode == 0 && t.Topic != nil {
			out.ids[*t.Topic] = t.TopicID
		}
	}
	return out, nil
}
