package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
)

// Record is a record as a foreign client wrote or saw it.
type Record struct {
	Partition int   // read only
	Offset    int64 // read only
	// Key nil is a record without a key. It may hold neither a tab nor a
	// newline when it is written, nor may Value hold a newline: the tools read
	// one record per line.
	Key   []byte
	Value []byte
}

// lines writes records as the tools read them: KEY TAB VALUE. noKey stands for
// a key that is nil.
func lines(records []Record, noKey string) ([]byte, error) {
	var out bytes.Buffer
	for i, r := range records {
		if bytes.ContainsAny(r.Key, "\t\n") || bytes.ContainsRune(r.Value, '\n') {
			return nil, fmt.Errorf("record %d has a tab or a newline in its key or a newline in its value: a line cannot hold it", i)
		}
		if r.Key == nil {
			out.WriteString(noKey)
		} else {
			out.Write(r.Key)
			out.WriteByte('\t')
		}
		out.Write(r.Value)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// Decode reads the values as JSON, such as the events of the topic status.
func Decode[T any](records []Record) ([]T, error) {
	all := make([]T, len(records))
	for i, r := range records {
		if err := json.Unmarshal(r.Value, &all[i]); err != nil {
			return nil, fmt.Errorf("decoding the record at %d/%d: %w", r.Partition, r.Offset, err)
		}
	}
	return all, nil
}

// run runs a tool to its end with the input, and shows what it said if it fails.
func run(cmd *exec.Cmd, input []byte) error {
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w: %s", cmd.Path, err, bytes.TrimSpace(out))
	}
	return nil
}
