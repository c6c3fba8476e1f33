package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
)

type topicsFlags struct {
	cluster
	partitions, replication, minInsync int
}

const topicsLong = `The engine's topics, as the configuration has them (kafka.topics); without one,
as the flags say. The defaults:

  sends, sends.bulk   what producers publish        delete, 7 days
  status              what became of it             delete, 7 days
  ledger              sends that wait               compact
  invalid             records that are no sends     delete, 30 days
  control             what operators have decided   compact, 1 partition
  replies             what nodes answer them        delete, 1 hour, 1 partition
  suppressions        to whom nothing may go        compact, 1 partition

All but the last four must have the same number of partitions, the shards, and
it must never change: a recipient's shard depends on it.`

func newTopics() *cobra.Command {
	return group(&cobra.Command{
		Use:   "topics",
		Short: "Check or create the engine's topics",
		Long:  topicsLong,
		Example: `  carillon topics check --config carillon.yaml
  carillon topics create --brokers kafka-1:9092 --partitions 64 --replication 3 --min-insync 2`,
	}, newTopicsCheck(), newTopicsCreate())
}

func newTopicsCheck() *cobra.Command {
	f := &topicsFlags{}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compare the topics with what the engine needs",
		Long: `Compare the topics with what the engine needs, as it does at its start. Exit
code 1 says that it would refuse them, and why.`,
		Example: "  carillon topics check --config carillon.yaml\n  carillon topics check --brokers 127.0.0.1:9092 --partitions 4",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, func(ctx context.Context, client *kafka.Client, cfg *config.Config) error {
				return engine.CheckTopics(ctx, client, cfg)
			})
		},
	}
	f.addFlags(cmd)
	return cmd
}

func newTopicsCreate() *cobra.Command {
	f := &topicsFlags{}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create the topics that are missing",
		Long: `Create the topics that are missing, then check all of them. What exists is left
as it is. Where the engine's login may not create topics, run this with one that
may.`,
		Example: "  carillon topics create --config carillon.yaml\n  carillon topics create --brokers kafka-1:9092 --partitions 64 --replication 3 --min-insync 2",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, func(ctx context.Context, client *kafka.Client, cfg *config.Config) error {
				cfg.Kafka.Topics.Create = true
				return engine.PrepareTopics(ctx, client, cfg)
			})
		},
	}
	f.addFlags(cmd)
	return cmd
}

func (f *topicsFlags) addFlags(cmd *cobra.Command) {
	f.cluster.addFlags(cmd)
	def := config.Default().Kafka.Topics
	cmd.Flags().IntVar(&f.partitions, "partitions", def.Partitions, "partitions of each topic but control and replies, in place of the configuration's")
	cmd.Flags().IntVar(&f.replication, "replication", def.Replication, "copies of each partition, in place of the configuration's")
	cmd.Flags().IntVar(&f.minInsync, "min-insync", def.MinInsync, "copies that must have a record, in place of the configuration's")
}

// run does something to the topics, then shows them.
func (f *topicsFlags) run(cmd *cobra.Command, do func(context.Context, *kafka.Client, *config.Config) error) error {
	client, cfg, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	f.override(&cfg.Kafka.Topics)
	if err := cfg.Validate(); err != nil {
		return &exit{codeUsage, err}
	}
	before, err := client.Partitions(cmd.Context(), topicNames(cfg))
	if err != nil {
		return err
	}
	done := do(cmd.Context(), client, cfg)
	var refused *engine.TopicsError
	if done != nil && !errors.As(done, &refused) {
		return done
	}
	if err := printTopics(cmd.Context(), cmd.OutOrStdout(), client, cfg, before); err != nil {
		return errors.Join(done, err)
	}
	if refused != nil {
		return fmt.Errorf("the engine would refuse these topics:\n  %s", strings.Join(refused.Faults, "\n  "))
	}
	return nil
}

func (f *topicsFlags) override(t *config.Topics) {
	for flag, o := range map[string]struct {
		to    *int
		value int
	}{"partitions": {&t.Partitions, f.partitions}, "replication": {&t.Replication, f.replication}, "min-insync": {&t.MinInsync, f.minInsync}} {
		if f.set(flag) {
			*o.to = o.value
		}
	}
}

func topicNames(cfg *config.Config) []string {
	var names []string
	for _, s := range engine.Topics(cfg) {
		names = append(names, s.Name)
	}
	return names
}

// printTopics shows what there is beside what is asked for. before is what
// there was.
func printTopics(ctx context.Context, w io.Writer, client *kafka.Client, cfg *config.Config, before map[string]int) error {
	names := topicNames(cfg)
	now, err := client.Partitions(ctx, names)
	if err != nil {
		return err
	}
	settings, err := client.TopicConfigs(ctx, names, "cleanup.policy", "retention.ms")
	if err != nil {
		return err
	}
	rows := [][]string{{"TOPIC", "STATE", "PARTITIONS", "CLEANUP", "RETENTION", "ASKED FOR"}}
	for _, s := range engine.Topics(cfg) {
		state := "exists"
		switch {
		case now[s.Name] == 0:
			state = "missing"
		case before[s.Name] == 0:
			state = "created"
		}
		rows = append(rows, []string{
			s.Name, state, strconv.Itoa(now[s.Name]), dash(settings[s.Name]["cleanup.policy"]), dash(retention(settings[s.Name])),
			fmt.Sprintf("%d partitions, %d copies, min ISR %s, %s", s.Partitions, s.Replication,
				s.Config["min.insync.replicas"], asked(s.Config)),
		})
	}
	return table(w, rows)
}

func asked(c map[string]string) string {
	if r := retention(c); r != "" {
		return c["cleanup.policy"] + " after " + r
	}
	return c["cleanup.policy"]
}

// retention is how long a topic keeps records; empty where that does not count.
func retention(c map[string]string) string {
	ms, err := strconv.ParseInt(c["retention.ms"], 10, 64)
	switch {
	case err != nil || c["cleanup.policy"] == "compact":
		return ""
	case ms < 0:
		return "for ever"
	}
	return config.FormatDuration(time.Duration(ms) * time.Millisecond)
}
