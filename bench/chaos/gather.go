package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/carillonhq/carillon/plugins/sink"
)

// gather puts together what was seen.
func (r *run) gather() (evidence, error) {
	e := evidence{
		run: r.publisher.run, sends: r.publisher.all(), repeats: r.publisher.repeated(), outcomes: r.watcher.outcomes,
		faults: inOrder(r.faults.done), rate: float64(r.ProviderRate),
		burst: burstOf(r.ProviderRate), flow: r.flow,
	}
	if r.operator != nil {
		e.deeds = r.operator.all()
	}
	for _, n := range r.cluster.nodes {
		found, err := n.takeovers()
		if err != nil {
			return e, err
		}
		e.takeovers = append(e.takeovers, found...)
		for channel, path := range n.ledgers() {
			if err := e.read(n.Name, channel, path); err != nil {
				return e, err
			}
		}
	}
	return e, nil
}

// burstOf is the engine's default.
func burstOf(rate int) float64 { return max(1, float64(rate/10)) }

// read adds what a ledger has.
func (e *evidence) read(node, channel, path string) error {
	for line, err := range sink.Entries(path) {
		if errors.Is(err, os.ErrNotExist) {
			return nil // its plugin never came up
		}
		if err != nil {
			return err
		}
		e.attempts = append(e.attempts, attempt{
			id: line.ID, node: node, channel: channel, key: line.Key, number: line.Attempt,
			sent: line.Sent(), lost: line.Verdict == "unknown", refused: line.Verdict == "refused",
			at: line.At, began: line.Deadline.Add(-deadline), deadline: line.Deadline,
		})
	}
	return nil
}

// takeovers are the shards of which the node said that what their last owners had
// reserved is in doubt (engine/open.go).
func (n *node) takeovers() (all []takeover, err error) {
	text, err := os.ReadFile(n.Log)
	if err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", n.Name, err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(`"at_most":`)) {
			continue
		}
		var said struct {
			Shard int32     `json:"shard"`
			Time  time.Time `json:"time"`
		}
		if err := json.Unmarshal(line, &said); err != nil {
			return nil, fmt.Errorf("read the log of %s: %w", n.Name, err)
		}
		all = append(all, takeover{said.Shard, said.Time})
	}
	return all, nil
}
