package foreign

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/carillonhq/carillon/bench/broker"
)

// noKey stands for a missing key in the console tools' lines.
const noKey = "<none>"

// ConsoleProduce writes the records with Kafka's console producer, which
// partitions as Java's client does, and returns once all are acknowledged.
func ConsoleProduce(ctx context.Context, addr, topic string, records []Record) error {
	input, err := lines(records, noKey+"\t")
	if err != nil {
		return err
	}
	cmd, err := broker.Tool(ctx, broker.ConsoleProducer, "--bootstrap-server", addr, "--topic", topic,
		"--property", "parse.key=true", "--property", "key.separator=\t", "--property", "null.marker="+noKey)
	if err != nil {
		return err
	}
	return run(cmd, input)
}

// ConsoleRead returns the first n records of the topic, as Kafka's console
// consumer has them: ordered inside a partition alone. It is an error if there
// are fewer before ctx ends, which it must do. Bytes that are not UTF-8 come
// back replaced, for the tool prints text.
func ConsoleRead(ctx context.Context, addr, topic string, n int) ([]Record, error) {
	properties := []string{"print.partition=true", "print.offset=true", "print.key=true", "null.literal=" + noKey}
	args := []string{"--bootstrap-server", addr, "--topic", topic, "--from-beginning", "--max-messages", strconv.Itoa(n)}
	for _, p := range properties {
		args = append(args, "--property", p)
	}
	cmd, err := broker.Tool(ctx, broker.ConsoleConsumer, args...)
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("reading %d records of %s with Kafka's console consumer: %w: %s",
			n, topic, err, bytes.TrimSpace(said.Bytes()))
	}
	return parseConsole(string(out))
}

// parseConsole reads lines such as "Partition:2\tOffset:0\tKEY\tVALUE".
func parseConsole(out string) ([]Record, error) {
	var all []Record
	for line := range strings.Lines(out) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
		if len(fields) != 4 {
			return nil, fmt.Errorf("reading the console consumer's output: %q is not a record", line)
		}
		var r Record
		if _, err := fmt.Sscanf(fields[0]+" "+fields[1], "Partition:%d Offset:%d", &r.Partition, &r.Offset); err != nil {
			return nil, fmt.Errorf("reading the console consumer's output: %q: %w", line, err)
		}
		if fields[2] != noKey {
			r.Key = []byte(fields[2])
		}
		if fields[3] != noKey {
			r.Value = []byte(fields[3])
		}
		all = append(all, r)
	}
	return all, nil
}
