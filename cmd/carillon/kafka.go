package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/outcome"
)

// connectTimeout bounds the first answer of a cluster.
const connectTimeout = 10 * time.Second

// cluster is the Kafka that a command talks to, by its flags.
type cluster struct {
	file    string
	brokers []string
	prefix  string
	set     func(flag string) bool
}

func (c *cluster) addFlags(cmd *cobra.Command) {
	def := config.Default().Kafka
	f := cmd.Flags()
	f.StringVar(&c.file, "config", "", "take brokers, login and prefix from this configuration file")
	f.StringSliceVar(&c.brokers, "brokers", def.Brokers, "brokers of Kafka, as host:port")
	f.StringVar(&c.prefix, "prefix", def.Prefix, "what the topics' names begin with")
	c.set = f.Changed
}

// config returns the configuration of the file, or the default one, with what
// the flags change.
func (c *cluster) config() (*config.Config, error) {
	cfg := config.Default()
	if c.file != "" {
		var err error
		if cfg, err = config.Load(c.file); err != nil {
			return nil, err
		}
	}
	if c.set("brokers") {
		cfg.Kafka.Brokers = c.brokers
	}
	if c.set("prefix") {
		cfg.Kafka.Prefix = c.prefix
	}
	if err := cfg.Validate(); err != nil {
		return nil, &exit{codeUsage, err}
	}
	return cfg, nil
}

// channelNames are the configured ones, without a configuration the bundled.
func (c *cluster) channelNames() []string {
	cfg, err := c.config()
	if err != nil || c.file == "" {
		return bundledNames()
	}
	var names []string
	for name := range cfg.Channels {
		names = append(names, name)
	}
	return names
}

// again is the flags as they were given, for a command to copy.
func (c *cluster) again() string {
	text := ""
	for _, f := range []struct{ name, value string }{
		{"config", c.file}, {"brokers", strings.Join(c.brokers, ",")}, {"prefix", c.prefix},
	} {
		if c.set(f.name) {
			text += " --" + f.name + " " + f.value
		}
	}
	return text
}

// connect returns a client that has had an answer.
func (c *cluster) connect(ctx context.Context) (*kafka.Client, *config.Config, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, nil, err
	}
	client, err := engine.Connect(cfg)
	if err != nil {
		return nil, nil, err
	}
	first, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := client.Ping(first); err != nil {
		client.Close()
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, fmt.Errorf("%w (is `carillon dev` running? --brokers names another Kafka)", err)
	}
	return client, cfg, nil
}

// partitions returns how many partitions each topic has; one that does not
// exist is an error.
func partitions(ctx context.Context, client *kafka.Client, topics ...string) (map[string]int, error) {
	counts, err := client.Partitions(ctx, topics)
	if err != nil {
		return nil, err
	}
	for _, t := range topics {
		if counts[t] == 0 {
			return nil, fmt.Errorf("the topic %s does not exist: start the engine, which creates it, or run `carillon topics create`; "+
				"is --prefix right?", t)
		}
	}
	return counts, nil
}

// writer produces single records, with acks=all and without doubling any.
type writer struct{ producer *outcome.Producer }

func newWriter(client *kafka.Client) *writer {
	return &writer{outcome.New(client, outcome.Config{TopicTimeout: connectTimeout}, zerolog.Nop())}
}

// write returns the record's offset, -1 where the broker forgot it. After an
// error the record may have been stored all the same.
func (w *writer) write(ctx context.Context, p kafka.Partition, rec kafka.Record) (int64, error) {
	type answer struct {
		offset int64
		err    error
	}
	done := make(chan answer, 1)
	w.producer.Produce(p, []kafka.Record{rec}, func(base int64, err error) { done <- answer{base, err} })
	select {
	case a := <-done:
		if a.err != nil {
			return -1, fmt.Errorf("write to %s: %w", p, a.err)
		}
		return a.offset, nil
	case <-ctx.Done():
		return -1, fmt.Errorf("write to %s: no acknowledgement: %w", p, context.Cause(ctx))
	}
}

func (w *writer) close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // each write has been waited for
	_ = w.producer.Close(ctx)
}

// place is where a record stands, "topic/partition/offset".
type place struct {
	kafka.Partition
	Offset int64
}

func (p place) String() string { return p.Partition.String() + "/" + strconv.FormatInt(p.Offset, 10) }

// parsePlace reads what String writes.
func parsePlace(text string) (place, bool) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 || parts[0] == "" {
		return place{}, false
	}
	index, err := strconv.ParseInt(parts[1], 10, 32)
	offset, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || err2 != nil || index < 0 || offset < 0 {
		return place{}, false
	}
	return place{kafka.Partition{Topic: parts[0], Index: int32(index)}, offset}, true
}

// scan hands over all records of a topic from a time on (zero: all that the
// brokers have), partition by partition, and shows its progress.
func scan(ctx context.Context, client *kafka.Client, topic string, since time.Time, progress io.Writer,
	each func(kafka.Partition, *kafka.Record) error,
) error {
	counts, err := partitions(ctx, client, topic)
	if err != nil {
		return err
	}
	read := 0
	for i := range counts[topic] {
		p := kafka.Partition{Topic: topic, Index: int32(i)}
		err := scanPartition(ctx, client, p, since, func(r *kafka.Record) error {
			read++
			return each(p, r)
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
		showProgress(progress, topic, i+1, counts[topic], read)
	}
	return nil
}

// scanFor is scan of what there is about a recipient, which is one partition;
// without one, of everything.
func scanFor(cmd *cobra.Command, client *kafka.Client, topic, recipient string, since time.Time, each func(kafka.Partition, *kafka.Record)) error {
	if recipient == "" {
		return scan(cmd.Context(), client, topic, since, cmd.ErrOrStderr(), func(p kafka.Partition, r *kafka.Record) error {
			each(p, r)
			return nil
		})
	}
	counts, err := partitions(cmd.Context(), client, topic)
	if err != nil {
		return err
	}
	p := kafka.Partition{Topic: topic, Index: kafka.PartitionOf([]byte(recipient), counts[topic])}
	err = scanPartition(cmd.Context(), client, p, since, func(r *kafka.Record) error {
		each(p, r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", p, err)
	}
	return nil
}

// showProgress rewrites one line on a terminal, and is silent elsewhere but
// for the end.
func showProgress(w io.Writer, topic string, done, of, records int) {
	last := done == of
	if !isTerminal(w) && !last {
		return
	}
	line := fmt.Sprintf("read %d of %d partitions of %s, %d records", done, of, topic, records)
	if isTerminal(w) {
		line = "\r" + line
	}
	if last {
		line += "\n"
	}
	fmt.Fprint(w, line)
}
