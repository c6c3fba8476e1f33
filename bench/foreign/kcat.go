package foreign

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// Murmur2 has librdkafka choose partitions as Java's client and Carillon do.
// Its own default is another hash (CRC-32).
const Murmur2 = "topic.partitioner=murmur2_random"

// kcatFormat has lengths before the bytes, so that any bytes can be read back:
// partition, offset, key length (-1: none), value length, key, value.
const kcatFormat = "%p %o %K %S\n%k%s\n"

// KcatProduce writes the records with kcat and returns once all are
// acknowledged by all replicas. settings are librdkafka's, as -X takes them.
// A record without a key must have a value that is not empty and has no tab,
// which kcat would take for the end of a key.
func KcatProduce(ctx context.Context, addr, topic string, records []Record, settings ...string) error {
	for i, r := range records {
		if r.Key == nil && (len(r.Value) == 0 || bytes.ContainsRune(r.Value, '\t')) {
			return fmt.Errorf("record %d has no key, and a value that is empty or has a tab: kcat cannot be given it", i)
		}
	}
	input, err := lines(records, "")
	if err != nil {
		return err
	}
	args := []string{"-P", "-b", addr, "-t", topic, "-K", `\t`, "-X", "acks=all"}
	cmd, err := kcat(ctx, append(args, flags(settings)...)...)
	if err != nil {
		return err
	}
	return run(cmd, input)
}

// KcatRead returns all records of the topic that were there when it began, in
// the order in which kcat has them: ordered inside a partition alone.
func KcatRead(ctx context.Context, addr, topic string, settings ...string) ([]Record, error) {
	var all []Record
	err := kcatConsume(ctx, addr, topic, append(flags(settings), "-e"), func(r Record) bool {
		all = append(all, r)
		return true
	})
	return all, err
}

// KcatFollow gives each record of the topic, from its start, to see, until see
// returns false or ctx ends, which is an error.
func KcatFollow(ctx context.Context, addr, topic string, see func(Record) (more bool), settings ...string) error {
	return kcatConsume(ctx, addr, topic, flags(settings), see)
}

func kcatConsume(ctx context.Context, addr, topic string, more []string, see func(Record) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	args := []string{"-C", "-q", "-u", "-b", addr, "-t", topic, "-o", "beginning", "-f", kcatFormat}
	cmd, err := kcat(ctx, append(args, more...)...)
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	enough, err := parseKcat(bufio.NewReader(out), see)
	if enough || err != nil {
		cancel()
		_ = cmd.Wait() // killed
		return err
	}
	if err := errors.Join(cmd.Wait(), context.Cause(ctx)); err != nil {
		return fmt.Errorf("reading %s with kcat: %w: %s", topic, err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

// parseKcat reads what kcatFormat wrote. enough is whether see ended it, and
// not the end of the input.
func parseKcat(in *bufio.Reader, see func(Record) bool) (enough bool, err error) {
	for {
		head, err := in.ReadString('\n')
		if err == io.EOF && head == "" {
			return false, nil
		}
		var r Record
		var key, value int
		if _, err := fmt.Sscanf(head, "%d %d %d %d\n", &r.Partition, &r.Offset, &key, &value); err != nil {
			return false, fmt.Errorf("reading kcat's output: %q is not a record's head: %w", head, err)
		}
		rest := make([]byte, max(key, 0)+max(value, 0)+1)
		if _, err := io.ReadFull(in, rest); err != nil {
			return false, fmt.Errorf("reading kcat's output: the record at %d/%d is cut off: %w", r.Partition, r.Offset, err)
		}
		rest = rest[:len(rest)-1]
		if key >= 0 {
			r.Key = rest[:key:key]
		}
		if value >= 0 {
			r.Value = rest[max(key, 0):]
		}
		if !see(r) {
			return true, nil
		}
	}
}

func kcat(ctx context.Context, args ...string) (*exec.Cmd, error) {
	path, err := exec.LookPath("kcat")
	if err != nil {
		return nil, fmt.Errorf("kcat is needed (Debian: apt-get install kcat, or run .ci/prepare): %w", err)
	}
	return exec.CommandContext(ctx, path, args...), nil
}

func flags(settings []string) []string {
	var args []string
	for _, s := range settings {
		args = append(args, "-X", s)
	}
	return args
}
