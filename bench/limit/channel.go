package limit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
)

// ChannelConfig says what RunChannel measures. Its Kinds are of ChannelKinds.
type ChannelConfig struct {
	Config
	// Channel is one of Channels.
	Channel string
	// Connections to the provider are what the plugin and each client have.
	Connections int
}

// Check says all that is wrong, by the names of the flags.
func (c *ChannelConfig) Check() error {
	err := c.Config.Check()
	if !slices.Contains(Channels(), c.Channel) {
		err = errors.Join(err, fmt.Errorf("channel: %q has no bare client to be compared with; give %s", c.Channel, list(Channels())))
	}
	if c.Connections < 1 || c.Connections > 1000 {
		err = errors.Join(err, fmt.Errorf("connections: %d; give 1 to 1000", c.Connections))
	}
	return err
}

// RunChannel measures a channel: the whole path, from Kafka through the engine
// and the channel's plugin to its provider and back, in turn with clients that
// send the same messages to the same provider and do nothing else. The provider
// is the channel's simulator, a process that is new in each turn. Errors are as
// Run's.
func RunChannel(ctx context.Context, c ChannelConfig) (_ *report.Result, err error) {
	p, err := newProvider(c)
	if err != nil {
		return nil, err
	}
	c.Workload.Channel = c.Channel
	r := &channelRun{run: run{Config: c.Config, turns: map[string][]turn{}, change: p.configure}, provider: p}
	began := time.Now()
	r.rig, err = rig.Open(ctx, rig.Options{Dir: c.Dir, Command: c.Command, Broker: c.Broker, Partitions: c.Partitions})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.rig.Close()) }()
	if err := r.begun("channel", r.settings); err != nil {
		return nil, err
	}
	r.say("%s: publishing %s to %d partitions", r.rig.Broker.Name, report.Plural(r.Workload.Sends, "send"), r.Partitions)
	r.sends = r.Workload.Records(r.rig.Topic(r.Workload.Topic), tag).WithWebhook(p.url())
	if err := r.rig.Publish(ctx, r.sends.Len(), r.sends.Record, nil); err != nil {
		return nil, err
	}
	if err := r.rounds(ctx, r.take); err != nil {
		return nil, err
	}
	res := r.result("channel", began)
	r.about(res)
	return res, nil
}

// channelRun is one RunChannel.
type channelRun struct {
	run
	provider *provider
}

// take lets one program have its turn, with a provider of its own, and accounts
// for every message by what that has noted.
func (r *channelRun) take(ctx context.Context, kind string) (done turn, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir, err := r.dir(kind)
	if err != nil {
		return done, err
	}
	t := r.task(kind, dir)
	sim, err := r.simulate(ctx, t, dir)
	if err != nil {
		return done, err
	}
	r.beside = []rig.Watched{{Role: Simulator, Name: Simulator, PID: sim.PID()}}
	var round *rig.Round
	switch kind {
	case Engine:
		round, done, err = r.sendAll(ctx, nil)
	case SMTPSource:
		done, err = r.takeSMTPSource(ctx, t, dir)
	default:
		done, err = r.takeYardstick(ctx, t, dir)
	}
	clean, failed := sim.Stop(stopWithin) // which writes what it has noted
	if err = errors.Join(err, failed); err != nil {
		return done, err
	}
	if !clean {
		return done, fmt.Errorf("the simulator did not stop in good order (%v); its log is %s", sim.State(), filepath.Join(dir, "simulator.log"))
	}
	if kind != Engine {
		return done, r.noted(kind, t.Record)
	}
	round.Provider = func(take func(id string, reached bool)) error {
		return readRecord(t.Record, func(id string) { take(id, true) })
	}
	return done, r.account(ctx, round)
}

// task is what the processes of a turn are told.
func (r *channelRun) task(kind, dir string) task {
	return task{
		Kind: kind, Workload: r.Workload, Channel: r.provider.channel, Connections: r.provider.connections,
		Provider: r.provider.addr, Key: r.provider.key, Record: filepath.Join(dir, "record"),
	}
}

// simulate starts the provider, and returns when it listens.
func (r *channelRun) simulate(ctx context.Context, t task, dir string) (*process.Process, error) {
	t.Kind, t.Clock = Simulator, filepath.Join(dir, "simulator.clock")
	log := filepath.Join(dir, "simulator.log")
	p, err := r.launch(t, log)
	if err != nil {
		return nil, err
	}
	err = await(ctx, p, time.Millisecond, func() (bool, error) {
		listens, _ := readClock(t.Clock)
		return listens, nil
	})
	if err != nil {
		return nil, because(errors.Join(fmt.Errorf("start the simulator: %w", err), p.Kill()), log)
	}
	return p, nil
}

// noted says what is wrong with a client's turn, by the provider's record: each
// message must be in it once. smtp-source's have no ids, so they are counted.
func (r *channelRun) noted(kind, record string) error {
	seen := make([]int, r.sends.Len())
	nameless := 0
	err := readRecord(record, func(id string) {
		if i, ok := r.sends.Number(id); ok {
			seen[i]++
		} else {
			nameless++
		}
	})
	if err != nil {
		return err
	}
	if kind == SMTPSource {
		if nameless != len(seen) {
			return fmt.Errorf("%d messages reached the simulator, and %d were sent", nameless, len(seen))
		}
		return nil
	}
	for i, n := range seen {
		if n != 1 {
			return fmt.Errorf("the message %s reached the simulator %d times", r.sends.ID(i), n)
		}
	}
	if nameless > 0 {
		return fmt.Errorf("%d messages that nobody sent reached the simulator", nameless)
	}
	return nil
}

// freeAddr finds the simulator a port, the same in all turns: the sends name it.
func freeAddr() (string, error) {
	ports, err := broker.FreePorts(1)
	if err != nil {
		return "", fmt.Errorf("find a port for the simulator: %w", err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0]), nil
}
