package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// withIDs is the first version of Metadata that answers with topic ids.
const withIDs = 10

// TopicIDs returns the ids that the cluster gave to the topics when they were
// made (KIP-516): a topic that is deleted and made anew under its name has
// another one. A missing topic is absent. Brokers before Kafka 2.8 know no ids
// and end the connection.
func (c *Client) TopicIDs(ctx context.Context, topics []string) (map[string][16]byte, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Version = withIDs
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	ids := map[string][16]byte{}
	err := c.retry(ctx, func() error {
		res, err := askFor[*kmsg.MetadataResponse](ctx, c, anyBroker, req, 0)
		if err != nil {
			return err
		}
		for _, t := range res.Topics {
			if t.ErrorCode == 0 && t.Topic != nil {
				ids[*t.Topic] = t.TopicID
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("asking Kafka for the ids of topics: %w", err)
	}
	return ids, nil
}
