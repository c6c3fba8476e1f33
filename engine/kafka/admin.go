package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// CreateTopics creates the topics that do not exist, leaves those that do as
// they are, and returns once all of them have leaders.
func (c *Client) CreateTopics(ctx context.Context, specs []TopicSpec) error {
	ctx, cancel := context.WithTimeout(ctx, 3*c.cfg.RequestTimeout)
	defer cancel()
	req := &kafkago.CreateTopicsRequest{}
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
		topic := kafkago.TopicConfig{Topic: s.Name, NumPartitions: s.Partitions, ReplicationFactor: s.Replication}
		for k, v := range s.Config {
			topic.ConfigEntries = append(topic.ConfigEntries, kafkago.ConfigEntry{ConfigName: k, ConfigValue: v})
		}
		req.Topics = append(req.Topics, topic)
	}
	err := c.retry(ctx, func() error {
		res, err := c.admin().CreateTopics(ctx, req)
		if err != nil {
			return fmt.Errorf("creating topics: %w", err)
		}
		var faults []error
		for name, err := range res.Errors {
			if err != nil && !errors.Is(err, kafkago.TopicAlreadyExists) {
				faults = append(faults, fmt.Errorf("creating topic %s: %w", name, err))
			}
		}
		return errors.Join(faults...)
	})
	if err != nil {
		return err
	}
	return c.awaitLeaders(ctx, names)
}

func (c *Client) admin() *kafkago.Client {
	return &kafkago.Client{Addr: c.addr, Transport: c.transport, Timeout: c.cfg.RequestTimeout}
}

// awaitLeaders waits until the brokers agree that the topics exist: creating
// one is answered before they do.
func (c *Client) awaitLeaders(ctx context.Context, topics []string) error {
	for {
		l, err := c.refresh(ctx, c.layout.Load(), topics)
		if err == nil && l.knows(topics) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the topics are created, but have no leaders yet: %w", errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TopicConfigs returns the settings of topics by their keys, as the brokers
// have them, defaults included; without keys, all. A topic that does not
// exist is absent.
func (c *Client) TopicConfigs(ctx context.Context, topics []string, keys ...string) (map[string]map[string]string, error) {
	req := &kafkago.DescribeConfigsRequest{}
	for _, t := range topics {
		req.Resources = append(req.Resources, kafkago.DescribeConfigRequestResource{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: t, ConfigNames: keys,
		})
	}
	configs := make(map[string]map[string]string, len(topics))
	err := c.retry(ctx, func() error {
		res, err := c.admin().DescribeConfigs(ctx, req)
		if err != nil {
			return err
		}
		for _, r := range res.Resources {
			switch {
			case errors.Is(r.Error, kafkago.UnknownTopicOrPartition):
				continue
			case r.Error != nil:
				return fmt.Errorf("topic %s: %w", r.ResourceName, r.Error)
			}
			entries := make(map[string]string, len(r.ConfigEntries))
			for _, e := range r.ConfigEntries {
				entries[e.ConfigName] = e.ConfigValue
			}
			configs[r.ResourceName] = entries
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of topics: %w", err)
	}
	return configs, nil
}
