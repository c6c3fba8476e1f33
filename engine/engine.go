package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/host"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/metrics"
	"github.com/carillonhq/carillon/engine/outcome"
	"github.com/carillonhq/carillon/engine/table"
)

// Engine is one node.
type Engine struct {
	cfg     *config.Config
	log     zerolog.Logger
	reg     *prometheus.Registry
	metrics *metrics.Metrics
	health  *health
	parts   parts

	indexed    ledger.Usage // by the dedupe index
	counted    table.Memory // for frequency caps
	client     *kafka.Client
	ledger     *ledger.Ledger
	plugins    map[string]channel
	lanes      *lanes
	out        *outcome.Producer
	fetchers   [2]*intake.Fetcher // by input
	operator   *operator
	suppressed *suppressions
	standby    *standby
	owned      owned
	owner      string        // names this process in what it commits
	need       chan struct{} // a commit is wanted; capacity 1
	opening    chan struct{} // bounds the shards that are opened at a time
	diskLow    atomic.Bool   // nothing may begin
	ready      chan struct{} // closed when the first generation runs
	once       sync.Once
	pages      map[string]fasthttp.RequestHandler // by path; besides the engine's own
}

// openAtOnce bounds the shards that a node opens at a time: each reads its ids
// into memory.
const openAtOnce = 8

// New makes a node from a valid configuration. It does no I/O.
func New(cfg *config.Config, log zerolog.Logger) *Engine {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e := &Engine{
		cfg: cfg, log: log, reg: reg, metrics: metrics.New(reg), health: newHealth(),
		parts: realParts(cfg.Engine.Nodes, log), plugins: map[string]channel{}, ready: make(chan struct{}),
		owned: owned{shards: map[int32]*ownedShard{}}, owner: nodeName() + "/" + rand.Text()[:8],
		need: make(chan struct{}, 1), opening: make(chan struct{}, openAtOnce),
		pages: map[string]fasthttp.RequestHandler{},
	}
	if cfg.Engine.Standby {
		e.standby = newStandby(e)
	}
	return e
}

// Ready is closed when the node has joined the group and runs its shards.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// OutsideHeap returns how many bytes the node uses that the Go runtime does not
// know of, and so are in none of its limits: those of the dedupe index and
// of what is counted for caps.
func (e *Engine) OutsideHeap() int64 { return e.indexed.Bytes() + e.counted.Bytes() }

// Plugins returns the state of every channel's plugin. It may be called once the
// node is ready.
func (e *Engine) Plugins() []host.State {
	var all []host.State
	for _, name := range slices.Sorted(maps.Keys(e.plugins)) {
		all = append(all, e.plugins[name].State())
	}
	return all
}

// Run runs the node until ctx ends, then stops it in order: intake first, then
// what is open at the plugins, then Kafka. It returns an error for what waiting
// can't mend; an unreachable broker or a plugin that dies is waited for.
func (e *Engine) Run(ctx context.Context) (err error) {
	var stop teardown
	defer func() { err = errors.Join(err, stop.run(e.log)) }()
	if err := e.open(&stop); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	background, quit := context.WithCancel(context.WithoutCancel(ctx))
	stop.add("plugins and lanes", e.startPlugins(background, quit, cancel))
	if err := e.awaitKafka(ctx); err != nil {
		return cause(ctx, err)
	}
	e.awaitPlugins(ctx, 15*time.Second)
	e.watchDisk() // before anything begins
	go e.endDamaged(background, cancel)
	feeding, err := e.startKafka(background)
	if err != nil {
		return err
	}
	stop.add("shards", feeding)
	stop.add("gauges", e.startWatch(background))
	err = intake.RunGroup(ctx, e.groupConfig(), e.log, e.own)
	return cause(ctx, err)
}

// open acquires what needs no waiting.
func (e *Engine) open(stop *teardown) error {
	client, err := connect(e.cfg, e.parts.dial)
	if err != nil {
		return err
	}
	e.client = client
	stop.add("Kafka connections", func() error { client.Close(); return nil })
	e.ledger, err = e.parts.ledger(ledger.Config{
		Dir: filepath.Join(e.cfg.Data, "ledger"), Window: e.cfg.Engine.DedupeWindow,
		Tombstones: keepTombstones, MinFree: uint64(e.cfg.DataMinFree), Usage: &e.indexed,
		Caps: countedFor(capsOf(e.cfg), &e.counted),
	}, e.log)
	if err != nil {
		return err
	}
	stop.add("ledger", e.ledger.Close)
	if err := e.makePlugins(); err != nil { // before readyz looks at them
		return err
	}
	if err := e.openSuppressions(); err != nil {
		return err
	}
	if err := e.registerGauges(); err != nil {
		return err
	}
	if !e.parts.http {
		return nil
	}
	server, err := e.serve()
	if err != nil {
		return err
	}
	stop.add("HTTP server", func() error { return endHTTP(server) })
	return nil
}

// endDamaged ends the node when its ledger is damaged: the next start rebuilds
// it. Whatever was built on it would have to be made anew as well, and that is
// what a start is.
func (e *Engine) endDamaged(ctx context.Context, fatal context.CancelCauseFunc) {
	select {
	case <-e.ledger.Damaged():
		fatal(fmt.Errorf("%w; start again: %s", ledger.ErrDamaged, e.cfg.Data))
	case <-ctx.Done():
	}
}

// makePlugins makes what startPlugins starts. The map does not change after it.
func (e *Engine) makePlugins() error {
	for name, ch := range e.cfg.Channels {
		p, err := e.parts.channel(name, ch)
		if err != nil {
			return err
		}
		e.plugins[name] = p
	}
	return nil
}

// startPlugins starts every channel's plugin and lanes, and returns what ends
// them.
func (e *Engine) startPlugins(ctx context.Context, quit func(), fatal context.CancelCauseFunc) func() error {
	var running sync.WaitGroup
	e.lanes = newLanes()
	for name, ch := range e.cfg.Channels {
		p := e.plugins[name]
		running.Go(func() {
			if err := p.Run(ctx); err != nil && ctx.Err() == nil {
				fatal(err)
			}
		})
		for account, a := range ch.Accounts {
			l := lane.New(lane.Config{
				Channel: name, Account: account, Rate: a.Rate.PerSecond(), Burst: a.Burst, Limits: laneLimits(a), Deadline: ch.Deadline,
				WarmUp: warmUp(a.WarmUp), Adaptive: a.Adaptive, Breaker: breakerOf(ch, a.Breaker),
			}, p, newLaneObserver(e.metrics, name, account), e.log, time.Now())
			e.lanes.addWay(name, a.Apps, l, a.Weight, a.Priority)
			running.Go(func() { l.Run(ctx) })
		}
	}
	return func() error {
		quit()
		running.Wait()
		return nil
	}
}

// awaitPlugins gives the plugins time to come up before the first send; those
// that do not are waited for by their lanes alone.
func (e *Engine) awaitPlugins(ctx context.Context, most time.Duration) {
	timeout := time.After(most)
	for _, p := range e.plugins {
		select {
		case <-p.Ready():
		case <-timeout:
			return
		case <-ctx.Done():
			return
		}
	}
}

// nodeName names this node to people.
func nodeName() string {
	name, err := os.Hostname()
	if err != nil || name == "" || strings.ContainsFunc(name, unicode.IsSpace) || len(name) > 64 {
		return "node"
	}
	return name
}

// cause returns why ctx was cancelled where that is what err is about.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && !errors.Is(c, context.Canceled) {
		return c
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// PluginSpec says how a channel's plugin is started, on a node of so many. It reads
// the secrets.
func PluginSpec(name string, ch config.Channel, nodes int) (host.Spec, error) {
	spec := host.Spec{Name: name, Path: ch.Plugin.Path, Args: ch.Plugin.Args, SHA256: ch.Plugin.SHA256, Nodes: nodes}
	if ch.Plugin.Path == "" {
		spec.Args = []string{"plugin", "serve", ch.Plugin.Bundled}
	}
	for account, a := range ch.Accounts {
		resolved, err := a.ResolveSecrets()
		if err != nil {
			return spec, fmt.Errorf("channels.%s.accounts.%s.secrets: %w", name, account, err)
		}
		secrets := make(map[string]string, len(resolved))
		for k, v := range resolved {
			secrets[k] = v.Reveal()
		}
		spec.Accounts = append(spec.Accounts, host.Account{
			Name: account, Settings: a.SettingsJSON(), Secrets: secrets, MaxConnections: a.MaxConnections,
		})
	}
	return spec, nil
}
