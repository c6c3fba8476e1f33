package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
)

// TopicsError is what is wrong with the topics, and what to do: nothing that
// waiting would mend.
type TopicsError struct{ Faults []string }

func (e *TopicsError) Error() string { return "topics: " + strings.Join(e.Faults, "; ") }

// keepTombstones is how long compacted topics keep them: a node that was away
// for longer has to read the topic anew.
const keepTombstones = 7 * 24 * time.Hour

// keepReplies is how long answers to operators are kept.
const keepReplies = time.Hour

// Topics returns the topics that the engine uses, as it creates them.
func Topics(cfg *config.Config) []kafka.TopicSpec {
	t := cfg.Kafka.Topics
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	// A record that is over the limit must reach the engine to be answered, and
	// what the engine writes of one must fit as well.
	most := max(2*int(cfg.Limits.Record), 2<<20)
	base := map[string]string{"min.insync.replicas": strconv.Itoa(t.MinInsync)}
	with := func(extra ...string) map[string]string {
		m := map[string]string{}
		for k, v := range base {
			m[k] = v
		}
		for i := 0; i < len(extra); i += 2 {
			m[extra[i]] = extra[i+1]
		}
		return m
	}
	in := with("cleanup.policy", "delete", "retention.ms", ms(t.Retention.Sends), "max.message.bytes", strconv.Itoa(most))
	out := strconv.Itoa(most + 1<<20)
	specs := []kafka.TopicSpec{
		{Name: "sends", Config: in},
		{Name: "sends.bulk", Config: in},
		{Name: "status", Config: with("cleanup.policy", "delete", "retention.ms", ms(t.Retention.Status))},
		{Name: "ledger", Config: with("cleanup.policy", "compact", "delete.retention.ms", ms(keepTombstones), "max.message.bytes", out)},
		{Name: "invalid", Config: with("cleanup.policy", "delete", "retention.ms", ms(t.Retention.Invalid), "max.message.bytes", out)},
		// Read whole by every node, and in one order.
		{Name: "control", Partitions: 1, Config: with("cleanup.policy", "compact", "delete.retention.ms", ms(keepTombstones))},
		// Read from its end, by who waits for an answer.
		{Name: "replies", Partitions: 1, Config: with("cleanup.policy", "delete", "retention.ms", ms(keepReplies), "segment.ms", ms(keepReplies))},
		{Name: "suppressions", Partitions: 1, Config: with("cleanup.policy", "compact", "delete.retention.ms", ms(keepTombstones))},
	}
	for i := range specs {
		specs[i].Name = cfg.Topic(specs[i].Name)
		if specs[i].Replication = t.Replication; specs[i].Partitions == 0 {
			specs[i].Partitions = t.Partitions
		}
	}
	return specs
}

// PrepareTopics creates the missing topics where the configuration says so, and
// checks all of them. A *TopicsError needs somebody to act.
func PrepareTopics(ctx context.Context, c *kafka.Client, cfg *config.Config) error {
	specs := Topics(cfg)
	have, err := c.Partitions(ctx, names(specs))
	if err != nil {
		return err
	}
	var missing []kafka.TopicSpec
	for _, s := range specs {
		if _, ok := have[s.Name]; !ok {
			missing = append(missing, s)
		}
	}
	if len(missing) > 0 && cfg.Kafka.Topics.Create {
		if err := c.CreateTopics(ctx, missing); err != nil {
			return fmt.Errorf("create topics: %w", err)
		}
	}
	return CheckTopics(ctx, c, cfg)
}

// CheckTopics compares the topics with the configuration. The error is a
// *TopicsError, or that the cluster can't be asked.
func CheckTopics(ctx context.Context, c *kafka.Client, cfg *config.Config) error {
	specs := Topics(cfg)
	have, err := c.Partitions(ctx, names(specs))
	if err != nil {
		return err
	}
	wrong := &TopicsError{}
	for _, s := range specs {
		n, ok := have[s.Name]
		switch {
		case !ok:
			wrong.Faults = append(wrong.Faults, fmt.Sprintf("%s is missing: run `carillon topics create`", s.Name))
		case n == s.Partitions || s.Name == cfg.Topic("invalid"):
		case s.Name == cfg.Topic("control"):
			wrong.Faults = append(wrong.Faults, fmt.Sprintf("%s has %d partitions and must have 1, so that every node reads "+
				"what operators decide in one order: delete it and run `carillon topics create`", s.Name, n))
		case s.Name == cfg.Topic("replies"):
			wrong.Faults = append(wrong.Faults, fmt.Sprintf("%s has %d partitions and must have 1, which is where answers are "+
				"looked for: delete it and run `carillon topics create`", s.Name, n))
		case s.Name == cfg.Topic("suppressions"):
			wrong.Faults = append(wrong.Faults, fmt.Sprintf("%s has %d partitions and must have 1, so that every node reads "+
				"all of it: keep what it holds, and make it anew with `carillon topics create`", s.Name, n))
		default:
			wrong.Faults = append(wrong.Faults, fmt.Sprintf("%s has %d partitions and kafka.topics.partitions says %d: "+
				"a recipient's shard depends on the number, so it must be the same everywhere and never change; "+
				"set kafka.topics.partitions to %d, or make the topic anew", s.Name, n, s.Partitions, n))
		}
	}
	if len(wrong.Faults) > 0 {
		return wrong
	}
	return checkSettings(ctx, c, cfg)
}

// checkSettings refuses the settings that would lose something.
func checkSettings(ctx context.Context, c *kafka.Client, cfg *config.Config) error {
	status := cfg.Topic("status")
	got, err := c.TopicConfigs(ctx, names(Topics(cfg)), "cleanup.policy", "retention.ms", "max.message.bytes")
	if err != nil {
		return err
	}
	wrong := &TopicsError{Faults: checkSizes(got, cfg)}
	wrong.Faults = append(wrong.Faults, checkPolicies(got, cfg)...)
	if ms, err := strconv.ParseInt(got[status]["retention.ms"], 10, 64); err == nil && ms >= 0 {
		if kept := time.Duration(ms) * time.Millisecond; kept < cfg.Engine.DedupeWindow {
			wrong.Faults = append(wrong.Faults, fmt.Sprintf("%s keeps records for %v, and engine.dedupe_window is %v: "+
				"the window is restored from it; raise retention.ms or lower the window", status, kept, cfg.Engine.DedupeWindow))
		}
	}
	if len(wrong.Faults) > 0 {
		return wrong
	}
	return nil
}

// checkPolicies finds topics that Kafka would clean of what is still needed.
func checkPolicies(got map[string]map[string]string, cfg *config.Config) (faults []string) {
	for _, name := range []string{"sends", "sends.bulk", "status"} {
		topic := cfg.Topic(name)
		if p := got[topic]["cleanup.policy"]; strings.Contains(p, "compact") {
			faults = append(faults, fmt.Sprintf("%s has cleanup.policy=%s, which would keep one record of each recipient: set it to delete", topic, p))
		}
	}
	for _, kept := range []struct{ name, what string }{{"ledger", "parked sends"}, {"control", "what operators have decided"}, {"suppressions", "to whom nothing may go"}} {
		topic := cfg.Topic(kept.name)
		if p := got[topic]["cleanup.policy"]; p != "compact" {
			faults = append(faults, fmt.Sprintf("%s has cleanup.policy=%s, which would delete %s: set it to compact", topic, p, kept.what))
		}
	}
	return faults
}

// overhead is what the engine adds to a record that it keeps: headers, and the
// place it came from.
const overhead = 64 << 10

// checkSizes finds topics that could not take what the engine must write to
// them: a record that fits into an input and not into `ledger` or `invalid`
// would stop its shard.
func checkSizes(got map[string]map[string]string, cfg *config.Config) (faults []string) {
	most := func(topic string) int {
		n, _ := strconv.Atoi(got[cfg.Topic(topic)]["max.message.bytes"])
		return n
	}
	need := max(most("sends"), most("sends.bulk")) + overhead
	for _, topic := range []string{"ledger", "invalid"} {
		if most(topic) < need {
			faults = append(faults, fmt.Sprintf("%s takes records of at most %d bytes, and a record of the input topics "+
				"may need %d there: raise its max.message.bytes to that", cfg.Topic(topic), most(topic), need))
		}
	}
	return faults
}

func names(specs []kafka.TopicSpec) []string {
	out := make([]string, 0, len(specs))
	for _, s := range specs {
		out = append(out, s.Name)
	}
	return slices.Clip(out)
}
