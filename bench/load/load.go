package load

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/workload"
)

// Config is what all commands share.
type Config struct {
	// Command is carillon: a program and what goes before its arguments.
	Command []string
	// Dir takes all data and logs; it is there and empty.
	Dir string
	// Broker is "embedded", "kafka" (Apache Kafka, started here) or the address
	// of one that runs.
	Broker     string
	Nodes      int
	Partitions int // 0 takes those of configs/bench.yaml
	Workload   workload.Workload
	// WarmUp is how long a flow runs before its latency counts.
	WarmUp time.Duration
	// Ahead is how many sends more there are in each pass of Scale, before those
	// that are measured.
	Ahead int
	// Tenants is how many apps share the lane in the last part of Isolation; with
	// less than 2 there is no such part.
	Tenants int
	// Profiles is a directory for profiles of a node in one more round of
	// Broadcast; "" makes none.
	Profiles string
	// Progress takes lines for people.
	Progress io.Writer
	// Begun is told the command and all settings before anything is measured; an
	// error ends the run. nil: nobody asks.
	Begun func(*report.Result) error
}

// Check returns all that is wrong with a configuration.
func (c Config) Check() error {
	faults := []error{rig.CheckBroker(c.Broker), c.Workload.Check()}
	if c.Nodes < 1 || c.Nodes > 50 {
		faults = append(faults, fmt.Errorf("nodes: %d; give 1 to 50", c.Nodes))
	}
	if c.Partitions < 0 || c.Partitions > 10_000 {
		faults = append(faults, fmt.Errorf("partitions: %d; give 1 to 10000", c.Partitions))
	}
	return errors.Join(faults...)
}

// result begins the result of a command.
func (c Config) result(command string, r *rig.Rig) *report.Result {
	settings := c.Workload.Map()
	settings["nodes"], settings["partitions"], settings["broker"] = c.Nodes, r.Partitions, c.Broker
	return &report.Result{
		Command: command, Started: time.Now(), Passed: true, Machine: report.ThisMachine(), Broker: r.Broker.Name,
		Settings: settings,
	}
}

// begun asks whether to go on, once the result has all settings.
func (c Config) begun(r *report.Result) error {
	if c.Begun == nil {
		return nil
	}
	return c.Begun(r)
}

func (c Config) say(format string, args ...any) { fmt.Fprintf(c.Progress, format+"\n", args...) }

// engine makes the shipped configuration fit the workload.
func (c Config) engine(partitions int) func(rig.Config) {
	return func(e rig.Config) {
		settings := c.Workload.Provider.Settings(c.Workload.Seed)
		for key, value := range settings {
			e.Set(value, "channels", "sink", "accounts", "main", "settings", key)
		}
		// As often and as soon as it takes: what is measured is the way there.
		e.Set(map[string]any{"max_attempts": 100, "base": "50ms", "max": "1s"}, "channels", "sink", "retry")
		if wanted := 2 * 1024 * partitions; wanted > 131072 {
			e.Set(min(wanted, 1<<20), "engine", "lane_queue")
		}
	}
}
