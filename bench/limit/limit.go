package limit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/workload"
)

// Config says what to measure. Check says what is wrong in it.
type Config struct {
	// Dir takes all data and logs; it is there and empty.
	Dir string
	// Command is carillon: a program, and what goes before its arguments.
	Command []string
	// Broker is "embedded", "kafka" or the address of one that runs.
	Broker string
	// Workload is what each program is given in a round. Its provider has to take
	// every attempt.
	Workload workload.Workload
	// Rounds is how often all of them take their turns.
	Rounds int
	// Partitions is the number of shards.
	Partitions int
	// Kinds are what takes part, of Kinds().
	Kinds []string
	// Profiles is a directory for profiles of the engine in one more round; ""
	// makes none.
	Profiles string
	// Progress is told of each turn.
	Progress io.Writer
	// Begun is told the command and all settings before anything is measured; an
	// error ends the run. nil: nobody asks.
	Begun func(*report.Result) error
}

// Check says all that is wrong, by the names of the flags.
func (c *Config) Check() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	want(c.Rounds >= 1, "rounds: %d is too few; five show the spread", c.Rounds)
	want(c.Partitions >= 1 && c.Partitions <= 1000, "partitions: %d is none; give 1 to 1000", c.Partitions)
	want(len(c.Kinds) > 0, "only: nothing is to be run; give some of %v", Kinds())
	want(c.Profiles == "" || slices.Contains(c.Kinds, Engine), "profiles: they are of the engine, which --only leaves out")
	want(c.Workload.Provider.Smooth(), "workload: its provider fails or throttles some attempts, and this is about the path where all goes well")
	faults = append(faults, rig.CheckBroker(c.Broker), c.Workload.Check())
	return errors.Join(faults...)
}

// run is one Run.
type run struct {
	Config
	rig   *rig.Rig // nil where nothing needs a broker
	sends workload.Records
	turns map[string][]turn // by the kind, in the order of the rounds
	count int               // of turns, for the names of their directories
	// beside are processes that take part in a turn of whatever kind.
	beside []rig.Watched
	// change is made to the configuration of a node; nil for nothing.
	change func(rig.Config)
}

// Run measures. An error says that something could not be run to its end, or
// that a send was lost or doubled: then there is no figure that counts.
func Run(ctx context.Context, c Config) (_ *report.Result, err error) {
	r := &run{Config: c, sends: c.Workload.Records("", tag), turns: map[string][]turn{}}
	began := time.Now()
	if slices.ContainsFunc(c.Kinds, onBroker) {
		r.rig, err = rig.Open(ctx, rig.Options{
			Dir: c.Dir, Command: c.Command, Broker: c.Broker, Partitions: c.Partitions, Extra: []string{copies},
		})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.rig.Close()) }()
	}
	if err := r.begun("limit", r.settings); err != nil {
		return nil, err
	}
	if r.rig != nil {
		if err := r.publish(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.rounds(ctx, r.take); err != nil {
		return nil, err
	}
	if c.Profiles != "" {
		if err := r.profile(ctx); err != nil {
			return nil, err
		}
	}
	return r.result("limit", began), nil
}

// begun asks whether to go on with these settings.
func (r *run) begun(command string, settings func(*report.Result)) error {
	if r.Begun == nil {
		return nil
	}
	res := &report.Result{Command: command}
	settings(res)
	return r.Begun(res)
}

// rounds lets all kinds take their turns.
func (r *run) rounds(ctx context.Context, take func(ctx context.Context, kind string) (turn, error)) error {
	order := slices.Clone(r.Kinds)
	for round := range r.Rounds {
		for _, kind := range order {
			t, err := take(ctx, kind)
			if err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, kind, err)
			}
			r.turns[kind] = append(r.turns[kind], t)
			r.say("round %d of %d: %-14s %10s sends/s", round+1, r.Rounds, kind, report.Whole(t.rate()))
		}
		order = append(order[1:], order[0]) // what is slow for a while is slow for everyone in turn
	}
	return nil
}

// publish writes the records, which all rounds read.
func (r *run) publish(ctx context.Context) error {
	r.say("%s: publishing %s to %d partitions", r.rig.Broker.Name, report.Plural(r.Workload.Sends, "send"), r.Partitions)
	r.sends = r.Workload.Records(r.rig.Topic(r.Workload.Topic), tag)
	if err := r.rig.Publish(ctx, r.sends.Len(), r.sends.Record, nil); err != nil || r.Broker == rig.Embedded {
		return err
	}
	// Java compiles what it runs, and whoever comes first would pay for that.
	if _, err := r.take(ctx, Raw); err != nil {
		return fmt.Errorf("warm the broker up: %w", err)
	}
	return nil
}

func (r *run) say(format string, args ...any) {
	if r.Progress != nil {
		fmt.Fprintf(r.Progress, format+"\n", args...)
	}
}

const (
	copies = "copies" // the topic that the yardsticks write to
	tag    = "limit"  // what ids begin with
)

// onBroker says whether a kind needs the broker.
func onBroker(kind string) bool {
	return kind == Engine || kind == ReaderWriter || kind == Raw
}

// dir makes a directory for a turn that has no round of the rig's.
func (r *run) dir(kind string) (string, error) {
	r.count++
	dir := fmt.Sprintf("%s/turn-%d-%s", r.Dir, r.count, kind)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the turn's directory: %w", err)
	}
	return dir, nil
}
