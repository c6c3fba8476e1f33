package limit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carillonhq/carillon/bench/workload"
)

// The yardsticks, and the engine itself.
const (
	Engine       = "engine"
	ReaderWriter = "reader-writer"
	Raw          = "raw"
	PluginStream = "plugin-stream"
	Pebble       = "pebble"
	PebbleSets   = "pebble-sets"
)

// Those of a channel's comparison.
const (
	Bare       = "bare"
	SMTPSource = "smtp-source"
	Simulator  = "simulator" // which is measured beside them
)

// Kinds returns all that can be run, in the order in which it is shown.
func Kinds() []string {
	return []string{Engine, ReaderWriter, Raw, PluginStream, Pebble, PebbleSets}
}

// task is what the process of a yardstick is told.
type task struct {
	Kind     string
	Workload workload.Workload
	// Clock is the file that tells when it began, and how long it took.
	Clock string
	// Of those that move records from one topic to another.
	Brokers  []string `json:",omitempty"`
	From, To string   `json:",omitempty"`
	Group    string   `json:",omitempty"`
	// Of those that keep something on the disk: an empty directory, and shards.
	Dir    string `json:",omitempty"`
	Shards int    `json:",omitempty"`
	// Of a channel's: its connections to the provider at an address, the key that
	// webhooks are signed with, and the file that the provider notes them in.
	Channel     string `json:",omitempty"`
	Connections int    `json:",omitempty"`
	Provider    string `json:",omitempty"`
	Key         string `json:",omitempty"`
	Record      string `json:",omitempty"`
}

// yardsticks are the programs.
var yardsticks = map[string]func(context.Context, task, *clock) error{
	ReaderWriter: readerWriter,
	Raw:          raw,
	PluginStream: pluginStream,
	Pebble:       pebbleJournal,
	PebbleSets:   pebbleSets,
	Bare:         bare,
	Simulator:    simulator,
}

// Serve is the process of one yardstick, which Run starts: it does what text, a
// task, says, and returns when that is done, or ctx ends.
func Serve(ctx context.Context, text string) error {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return fmt.Errorf("read a yardstick's task: %w; `carillon bench limit` starts this process by itself", err)
	}
	run := yardsticks[t.Kind]
	if run == nil {
		return fmt.Errorf("no yardstick is called %q", t.Kind)
	}
	c := &clock{path: t.Clock}
	if err := errors.Join(run(ctx, t, c), c.unsaid); err != nil {
		return fmt.Errorf("the yardstick %s: %w", t.Kind, err)
	}
	return nil
}

// ParseKinds reads names with commas between them, of those that there are;
// "all" is every one.
func ParseKinds(list string, all []string) ([]string, error) {
	if list == "all" {
		return all, nil
	}
	var kinds []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("there is no %q to run; there are %s", name, strings.Join(all, ", "))
		}
		if !slices.Contains(kinds, name) {
			kinds = append(kinds, name)
		}
	}
	return kinds, nil
}
