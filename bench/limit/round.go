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
	rate float64 // sends a second
	took time.Duration
	use  map[string]rig.Use // by the role: the kind itself, plugin, broker
	// allocs is the engine's alone.
	allocs rig.Allocs
}

// patience bounds a turn.
const patience = 10 * time.Minute

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
		return r.measure(ctx, t, round.Dir)
	}
	dir, err := r.dir(kind)
	if err != nil {
		return turn{}, err
	}
	defer os.RemoveAll(dir)
	t.Dir = filepath.Join(dir, "data")
	return r.measure(ctx, t, dir)
}

// measure starts a yardstick's process, and measures it from its first send to
// its last. The records of one that moves them are counted at the broker, as the
// engine's are.
func (r *run) measure(ctx context.Context, t task, dir string) (done turn, err error) {
	t.Clock = filepath.Join(dir, "clock")
	p, err := r.launch(t, filepath.Join(dir, "log"))
	if err != nil {
		return done, err
	}
	defer func() {
		if clean, failed := p.Stop(10 * time.Second); err == nil && !clean {
			err = errors.Join(fmt.Errorf("its process did not stop in good order (%v)", p.State()), failed)
		}
	}()
	var took time.Duration
	begun := func() (ok bool, err error) {
		ok, took = readClock(t.Clock)
		return ok, nil
	}
	if err := await(ctx, p, time.Millisecond, begun); err != nil {
		return done, r.because(err, dir)
	}
	watched, err := r.watched(t.Kind, p)
	if err != nil {
		return done, err
	}
	meter, err := rig.Measure(time.Second, watched)
	if err != nil {
		return done, err
	}
	over := func() (bool, error) {
		_, err := begun()
		return took > 0, err
	}
	if onBroker(t.Kind) {
		over = r.arrived(ctx, t.To)
	}
	if err := await(ctx, p, every, over); err != nil {
		return done, r.because(err, dir)
	}
	m, err := meter.Stop()
	if err != nil {
		return done, err
	}
	if onBroker(t.Kind) {
		took = m.Elapsed
		err = r.exactly(ctx, t.To)
	}
	return turn{rate: float64(r.sends.Len()) / took.Seconds(), took: took, use: m.Roles}, err
}

// every is how often the broker is asked how many records there are: often
// enough for a short round, seldom enough to cost it nothing.
const every = 10 * time.Millisecond

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

// watched are the processes of a turn, which run.
func (r *run) watched(kind string, p *process.Process) ([]rig.Watched, error) {
	all := []rig.Watched{{Role: kind, Name: kind, PID: p.PID()}}
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

// await asks every so often until the answer is yes. The process must not end
// before that.
func await(ctx context.Context, p *process.Process, every time.Duration, ask func() (bool, error)) error {
	poll := time.NewTicker(every)
	defer poll.Stop()
	for {
		ended := !p.Running()
		switch ok, err := ask(); {
		case ok || err != nil:
			return err
		case ended:
			return fmt.Errorf("its process ended too early (%v)", p.State())
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// arrived asks whether a topic has all records.
func (r *run) arrived(ctx context.Context, topic string) func() (bool, error) {
	return func() (bool, error) {
		n, err := r.rig.Written(ctx, topic)
		return n >= r.sends.Len(), err
	}
}

func (r *run) exactly(ctx context.Context, topic string) error {
	n, err := r.rig.Written(ctx, topic)
	if err == nil && n != r.sends.Len() {
		err = fmt.Errorf("%d records came out, and %d were there", n, r.sends.Len())
	}
	return err
}

// because adds what a process has said to an error.
func (r *run) because(err error, dir string) error {
	text, unread := os.ReadFile(filepath.Join(dir, "log"))
	if unread != nil || len(bytes.TrimSpace(text)) == 0 || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %s", err, bytes.TrimSpace(text))
}
