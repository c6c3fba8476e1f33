package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
)

// cluster is an embedded Kafka without topics, and a configuration for it.
func cluster(t *testing.T) (*kfake.Cluster, *kafka.Client, *config.Config) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cfg := config.Default()
	cfg.Kafka.Brokers = c.ListenAddrs()
	cfg.Kafka.Topics.Partitions = 3
	client, err := Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return c, client, cfg
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestPrepareTopicsMakesWhatItWouldCheck(t *testing.T) {
	c, client, cfg := cluster(t)
	for range 2 { // the second time they are there
		if err := PrepareTopics(within(t), client, cfg); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range Topics(cfg) {
		info := c.TopicInfo(s.Name)
		if info == nil {
			t.Errorf("%s is not there", s.Name)
			continue
		}
		got, err := client.TopicConfigs(within(t), []string{s.Name})
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range s.Config {
			if got[s.Name][k] != want {
				t.Errorf("%s has %s=%s, want %s", s.Name, k, got[s.Name][k], want)
			}
		}
	}
}

// Every refusal says what to do; none of them is anything that waiting mends.
func TestTopicsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(specs map[string]*kafka.TopicSpec, cfg *config.Config)
		want    []string // of the error; none: it is taken
	}{
		{"as they are made", nil, nil},
		{"one is missing and none may be made", func(specs map[string]*kafka.TopicSpec, cfg *config.Config) {
			delete(specs, "carillon.status")
			cfg.Kafka.Topics.Create = false
		}, []string{"carillon.status is missing", "carillon topics create"}},
		{"all are missing: all are named", func(specs map[string]*kafka.TopicSpec, cfg *config.Config) {
			clear(specs)
			cfg.Kafka.Topics.Create = false
		}, []string{"carillon.sends is missing", "carillon.sends.bulk is", "carillon.status is", "carillon.ledger is", "carillon.invalid is", "carillon.control is", "carillon.replies is"}},
		{"another number of partitions", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.sends.bulk"].Partitions = 4
		}, []string{"carillon.sends.bulk has 4 partitions", "says 3", "set kafka.topics.partitions to 4"}},
		{"invalid may have any", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.invalid"].Partitions = 1
		}, nil},
		// Two nodes could read two decisions in two orders.
		{"control of many partitions", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.control"].Partitions = 3
		}, []string{"carillon.control has 3 partitions and must have 1", "carillon topics create"}},
		{"replies of many partitions", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.replies"].Partitions = 3
		}, []string{"carillon.replies has 3 partitions and must have 1", "carillon topics create"}},
		{"control that forgets", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.control"].Config["cleanup.policy"] = "delete"
		}, []string{"carillon.control has cleanup.policy=delete", "delete what operators have decided", "set it to compact"}},
		{"a ledger that forgets", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.ledger"].Config["cleanup.policy"] = "delete"
		}, []string{"carillon.ledger has cleanup.policy=delete", "set it to compact"}},
		{"a ledger that forgets as well", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.ledger"].Config["cleanup.policy"] = "compact,delete"
		}, []string{"cleanup.policy=compact,delete", "set it to compact"}},
		// Compaction keeps one record of each recipient.
		{"sends that are compacted", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.sends"].Config["cleanup.policy"] = "compact"
		}, []string{"carillon.sends has cleanup.policy=compact", "set it to delete"}},
		{"a status that is compacted as well", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.status"].Config["cleanup.policy"] = "compact,delete"
		}, []string{"carillon.status has cleanup.policy=compact,delete", "set it to delete"}},
		{"a status shorter than the window", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.status"].Config["retention.ms"] = "3600000"
		}, []string{"carillon.status keeps records for 1h0m0s", "engine.dedupe_window is 24h0m0s", "raise retention.ms or lower"}},
		{"a status that is kept for ever", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.status"].Config["retention.ms"] = "-1"
		}, nil},
		{"a ledger for smaller records", func(specs map[string]*kafka.TopicSpec, _ *config.Config) {
			specs["carillon.ledger"].Config["max.message.bytes"] = "1048588"
		}, []string{"carillon.ledger takes records of at most 1048588", "raise its max.message.bytes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, client, cfg := cluster(t)
			specs := map[string]*kafka.TopicSpec{}
			for _, s := range Topics(cfg) {
				specs[s.Name] = &s
			}
			if c.prepare != nil {
				c.prepare(specs, cfg)
			}
			var wanted []kafka.TopicSpec
			for _, s := range specs {
				wanted = append(wanted, *s)
			}
			if len(wanted) > 0 {
				if err := client.CreateTopics(within(t), wanted); err != nil {
					t.Fatal(err)
				}
			}
			err := PrepareTopics(within(t), client, cfg)
			var refused *TopicsError
			if (len(c.want) == 0) != (err == nil) || err != nil && !errors.As(err, &refused) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nlacks %q", err, want)
				}
			}
		})
	}
}

// A cluster that can't be asked is no fault of the topics: it is waited for.
func TestTopicsOfAClusterThatIsAway(t *testing.T) {
	c, client, cfg := cluster(t)
	c.Close()
	var refused *TopicsError
	if err := PrepareTopics(within(t), client, cfg); err == nil || errors.As(err, &refused) {
		t.Error(err)
	}
}
