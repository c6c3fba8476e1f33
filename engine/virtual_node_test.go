package engine_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/ledger"
)

// node is a machine: a disk, and at most one process on it.
type node struct {
	s       *scenario
	name    string
	disk    *vfs.MemFS
	process *process // nil while down
	starts  int
	turn    chan struct{} // holds a token while a fault strikes: who waits for a lock would stop the clock
}

// process is one life of an engine.
type process struct {
	name     string
	link     *link
	channels map[string]*fakeChannel
	engine   *engine.Engine
	stop     context.CancelFunc
	ended    chan struct{} // Run has returned
	err      error         // of Run, once it has ended
}

// start runs an engine on the node's disk, with a way into the network and
// channels of its own.
func (n *node) start() {
	n.starts++
	p := &process{name: fmt.Sprintf("%s%d", n.name, n.starts), channels: map[string]*fakeChannel{}, ended: make(chan struct{})}
	p.link = n.s.network.link(dice(n.s.seed, "link", p.name))
	for _, k := range channelKinds {
		p.channels[k.name] = newFakeChannel(k, p.name, n.s.providers)
	}
	disk := n.disk
	cfg := nodeConfig()
	cfg.Kafka.ClientID = p.name
	p.engine = engine.New(cfg, n.s.log.With().Str("process", p.name).Logger())
	open := func(c ledger.Config, log zerolog.Logger) (*ledger.Ledger, error) {
		c.FS = disk
		return ledger.Open(c, log)
	}
	p.engine.Stage(p.link.Dial, open, func(name string) engine.Channel { return p.channels[name] })
	ctx, stop := context.WithCancel(context.Background())
	p.stop, n.process = stop, p
	n.s.running.Go(func() {
		defer close(p.ended)
		if p.err = p.engine.Run(ctx); p.err != nil && ctx.Err() == nil {
			n.s.fault("%s gave up: %v", p.name, p.err)
		}
	})
}

// kill ends the process as the world sees it: from one moment on it reaches
// neither a broker nor a provider nor the node's disk. What its goroutines
// still do, nobody sees. kept is the part of what it had not synced that the
// disk has: 100 for a process that was killed, less for a machine that failed.
func (n *node) kill(kept int) {
	p := n.process
	p.link.kill() // first: what is on disk may be ahead of Kafka, and never the other way round
	for _, c := range p.channels {
		c.crash()
	}
	n.disk = n.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: dice(n.s.seed, "disk", p.name)})
	p.stop()
	n.process = nil
}

// shutDown ends the process in good order.
func (n *node) shutDown() {
	p := n.process
	began := time.Now()
	p.stop()
	<-p.ended
	n.process = nil
	if took := time.Since(began); took > mostToStop {
		n.s.fault("%s took %v to stop", p.name, took)
	}
}

// mostToStop is the drain timeout and what the teardown's steps need.
const mostToStop = time.Minute

func nodeConfig() *config.Config {
	cfg := config.Default()
	k := &cfg.Kafka
	k.Brokers = addresses
	k.Topics.Partitions, k.Topics.Replication = shards, len(addresses)
	k.SessionTimeout, k.Heartbeat, k.RebalanceTimeout = session, time.Second, 20*time.Second
	cfg.Data = "/data"
	cfg.Engine.DrainTimeout = 10 * time.Second
	// Everything is counted, and nothing is stopped: whole nodes restore what they count.
	often := config.Cap{Most: []config.CapLimit{{Most: 100, Per: time.Second}}, Policy: "wait"}
	cfg.Caps.AllApps = config.CapApp{Transactional: often, Marketing: often}
	// A campaign is paused for longer: it must not block who waits behind its sends.
	wait := config.OrderWait{LongestWait: orderWait, Then: "skip"}
	cfg.Ordering.Apps = map[string]config.OrderApp{"*": {Transactional: wait, Marketing: wait}}
	cfg.Channels = map[string]config.Channel{}
	for _, p := range channelKinds {
		ch, account := config.DefaultChannel(), config.DefaultAccount()
		account.Rate, account.Burst = config.Rate{Count: p.rate, Per: time.Second}, p.burst
		ch.Retry = config.Retry{MaxAttempts: 6, Base: time.Second, Max: 10 * time.Second}
		ch.HoldFor = time.Minute
		if p.hold {
			ch.OnUnknown = "hold"
		}
		ch.Accounts = map[string]config.Account{"main": account}
		cfg.Channels[p.name] = ch
	}
	cfg.Complete()
	return cfg
}
