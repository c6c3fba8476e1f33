package limit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/rig"
)

// turn is what one program showed in one round.
type turn struct {
	sends float64 // that were done while it was measured
	took  time.Duration
	use   map[string]rig.Use // by the role: the kind itself, plugin, broker, simulator
	// started says that the start of the processes is in it.
	started bool
	// allocs and allocated are objects and bytes on the heap: the engine's alone.
	allocs, allocated float64
}

func (t turn) rate() float64 { return t.sends / t.took.Seconds() }

// perSend is the CPU time of a role in µs.
func (t turn) perSend(role string) float64 {
	return float64(t.use[role].CPU.Nanoseconds()) / 1e3 / t.sends
}

// patience bounds a turn, and stopWithin the end of a process: a plugin may take
// ten seconds over its streams.
const (
	patience   = 10 * time.Minute
	stopWithin = 30 * time.Second
)

// take lets one program have its turn.
func (r *run) take(ctx context.Context, kind string) (turn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if kind == Engine {
		return r.takeEngine(ctx, nil)
	}
	t := task{Kind: kind, Workload: r.Workload, Shards: r.Partitions}
	if onBroker(kind) {
		round, err := r.rig.Begin(ctx)
		if err != nil {
			return turn{}, err
		}
		t.Brokers, t.Group = []string{r.rig.Broker.Addr}, round.Group
		t.From, t.To = r.rig.Topic(r.Workload.Topic), r.rig.Topic(copies)
		return r.takeYardstick(ctx, t, round.Dir)
	}
	dir, err := r.dir(kind)
	if err != nil {
		return turn{}, err
	}
	defer os.RemoveAll(dir)
	t.Dir = filepath.Join(dir, "data")
	return r.takeYardstick(ctx, t, dir)
}

// takeYardstick starts a yardstick's process, and measures it from its first
// send to its last. The records of one that moves them are counted at the broker,
// as the engine's are; others tell by themselves.
func (r *run) takeYardstick(ctx context.Context, t task, dir string) (done turn, err error) {
	t.Clock = filepath.Join(dir, "clock")
	log := filepath.Join(dir, "log")
	launched := time.Now()
	p, err := r.launch(t, log)
	if err != nil {
		return done, err
	}
	defer func() {
		if clean, failed := p.Stop(stopWithin); err == nil && !clean {
			err = errors.Join(fmt.Errorf("its process did not stop in good order (%v)", p.State()), failed)
		}
		err = because(err, log)
	}()
	err = await(ctx, p, time.Millisecond, func() (bool, error) {
		begun, _ := readClock(t.Clock)
		return begun, nil
	})
	if err != nil {
		return done, err
	}
	watched, err := r.watched(t.Kind, p)
	if err != nil {
		return done, err
	}
	if !onBroker(t.Kind) {
		return r.timed(ctx, p, watched, t.Clock)
	}
	done, err = r.watch(ctx, p, watched, t.To, launched)
	if err == nil { // the last record may be there before its writer has heard of it
		err = await(ctx, p, every, func() (bool, error) {
			_, took := readClock(t.Clock)
			return took > 0, nil
		})
	}
	if err == nil {
		err = r.exactly(ctx, t.To)
	}
	return done, err
}

func (r *run) launch(t task, log string) (*process.Process, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(r.Command[0], slices.Concat(r.Command[1:], []string{"bench", "yardstick", string(text)})...)
	p, err := process.Launch(cmd, log, nil)
	if err != nil {
		return nil, fmt.Errorf("start the yardstick %s: %w", t.Kind, err)
	}
	return p, nil
}

// watched are the processes of a yardstick's turn, which run.
func (r *run) watched(kind string, p *process.Process) ([]rig.Watched, error) {
	all := append([]rig.Watched{{Role: kind, Name: kind, PID: p.PID()}}, r.beside...)
	if onBroker(kind) {
		return append(all, r.rig.Broker.Processes()...), nil
	}
	if kind == PluginStream && process.Measurable {
		children, err := process.Children(p.PID())
		if err != nil {
			return nil, err
		}
		for _, pid := range children {
			all = append(all, rig.Watched{Role: "plugin", Name: "plugin", PID: pid})
		}
	}
	return all, nil
}

// because adds what a process has said to an error.
func because(err error, log string) error {
	text, unread := os.ReadFile(log)
	if err == nil || unread != nil || len(bytes.TrimSpace(text)) == 0 || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %s", err, bytes.TrimSpace(text))
}
