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
)

// Engine is one node.
type Engine struct {
	cfg     *config.Config
	log     zerolog.Logger
	reg     *prometheus.Registry
	metrics *metrics.Metrics
	health  *health
	parts   parts

	client   *kafka.Client
	ledger   *ledger.Ledger
	plugins  map[string]channel
	lanes    *lanes
	out      *outcome.Producer
	fetchers [2]*intake.Fetcher // by input
	operator *operator
	owned    owned
	owner    string        // names this process in what it commits
	need     chan struct{} // a commit is wanted; capacity 1
	opening  chan struct{} // bounds the shards that are opened at a time
	diskLow  atomic.Bool   // nothing may begin
	fatal    context.CancelCauseFunc
	ready    chan struct{} // closed when the first generation runs
	once     sync.Once
	pages    map[string]fasthttp.RequestHandler // by path; besides the engine's own
}

// openAtOnce bounds the shards that a node opens at a time: each reads its ids
// into memory.
const openAtOnce = 8

// New makes a node from a valid configuration. It does no I/O.
func New(cfg *config.Config, log zerolog.Logger) *Engine {
	reg := prometheus.NewRegistry()
	e := &Engine{
		cfg: cfg, log: log, reg: reg, metrics: metrics.New(reg), health: newHealth(),
		parts: realParts(log), plugins: map[string]channel{}, ready: make(chan struct{}),
		owned: owned{shards: map[int32]*ownedShard{}}, owner: nodeName() + "/" + rand.Text()[:8],
		need: make(chan struct{}, 1), opening: make(chan struct{}, openAtOnce),
		pages: map[string]fasthttp.RequestHandler{},
	}
	return e
}

// Ready is closed when the node has joined the group and runs its shards.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

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
	e.fatal = cancel
	background, quit := context.WithCancel(context.WithoutCancel(ctx))
	stop.add("plugins and lanes", e.startPlugins(background, quit, cancel))
	if err := e.awaitKafka(ctx); err != nil {
		return cause(ctx, err)
	}
	e.awaitPlugins(ctx, 15*time.Second)
	feeding, err := e.startKafka(background)
	if err != nil {
		return err
	}
	stop.add("shards", feeding)
	go e.watch(background)
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
	}, e.log)
	if err != nil {
		return err
	}
	stop.add("ledger", e.ledger.Close)
	if err := e.ledgerGauges(); err != nil {
		return err
	}
	if err := e.makePlugins(); err != nil { // before readyz looks at them
		return err
	}
	if !e.parts.http {
		return nil
	}
	server, err := e.serve()
	if err != nil {
		return err
	}
	stop.add("HTTP server", server.Shutdown)
	return nil
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
				Channel: name, Account: account, Rate: a.Rate.PerSecond(), Burst: a.Burst, Deadline: ch.Deadline,
			}, p, newLaneObserver(e.metrics, name, account), e.log, time.Now())
			e.lanes.add(name, a.Apps, l)
			running.Go(func() { l.Run(ctx) })
		}
	}
	e.lanes.sort()
	return func() error {
		quit()
		running.Wait()
		return nil
	}
}

// startKafka starts what reads from Kafka and writes to it for as long as the
// node lives, and returns what closes the shards and ends it.
func (e *Engine) startKafka(ctx context.Context) (func() error, error) {
	codec, err := kafka.ParseCodec(e.cfg.Kafka.Compression)
	if err != nil {
		return nil, err
	}
	e.out = outcome.New(e.client, outcome.Config{
		Codec: codec, OnRetry: func(error) { e.metrics.ProduceRetries.Inc() },
	}, e.log)
	e.operator = newOperator(e.client, e.cfg.Topic("control"), e.cfg.Kafka.Topics.Partitions, e.owner, e.metrics, e.log,
		func(id int32) decider {
			if s := e.owned.get(id); s != nil {
				return s
			}
			return nil
		})
	fetching, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { e.operator.run(fetching) })
	for i, topic := range e.inputs() {
		e.fetchers[i] = intake.NewFetcher(e.client, topic, 1<<20, e.quarantine, e.log)
		running.Go(func() { e.fetchers[i].Run(fetching) })
	}
	return func() error {
		for _, id := range e.owned.ids() {
			e.drop(e.owned.get(id))
		}
		cancel()
		running.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := e.out.Close(ctx); err != nil {
			e.log.Warn().Err(err).Msg("not all that the shards wrote was acknowledged; it is read again or made anew")
		}
		return nil
	}, nil
}

// awaitKafka waits for a broker and for the topics to be as they must be.
func (e *Engine) awaitKafka(ctx context.Context) error {
	for wait := time.Second; ; wait = min(2*wait, 15*time.Second) {
		err := e.client.Ping(ctx)
		if err == nil {
			err = PrepareTopics(ctx, e.client, e.cfg)
			var refused *TopicsError
			if err == nil {
				err = e.followTopics(ctx)
			}
			if err == nil || errors.As(err, &refused) {
				e.health.set("kafka", nil)
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e.health.set("kafka", err)
		e.log.Error().Err(err).Stringer("again_in", wait).Msg("Kafka is not ready")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// followTopics ties the data directory to the topics that it is about: to
// these, and not to others of the same name in another cluster or before they
// were made anew.
func (e *Engine) followTopics(ctx context.Context) error {
	topics := names(Topics(e.cfg))
	topics = slices.DeleteFunc(topics, func(t string) bool { return t == e.cfg.Topic("control") }) // nothing of it is there
	ids, err := e.client.TopicIDs(ctx, topics)
	if err != nil {
		return err
	}
	var follows []byte
	for _, name := range topics {
		id := ids[name]
		follows = append(append(follows, name...), id[:]...)
	}
	dropped, err := e.ledger.Follow(follows)
	if dropped {
		e.log.Warn().Str("data", e.cfg.Data).Msg("the data directory followed other topics, or these before they were " +
			"made anew: its content is dropped and read again from Kafka")
	}
	return err
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

func (e *Engine) groupConfig() intake.GroupConfig {
	k := e.cfg.Kafka
	g := intake.GroupConfig{
		Client: e.client, ID: k.Group, Topics: e.inputs(), Owned: e.owned.ids,
		SessionTimeout: k.SessionTimeout, RebalanceTimeout: k.RebalanceTimeout, Heartbeat: k.Heartbeat,
	}
	if e.parts.files {
		g.Remember = filepath.Join(e.cfg.Data, "member") // the ledger's lock says that whoever wrote it is gone
	}
	return g
}

// nodeName names this node to people.
func nodeName() string {
	name, err := os.Hostname()
	if err != nil || name == "" || strings.ContainsFunc(name, unicode.IsSpace) || len(name) > 64 {
		return "node"
	}
	return name
}

// inputs are the input topics in the order of intake.Urgent and intake.Bulk.
func (e *Engine) inputs() []string { return []string{e.cfg.Topic("sends"), e.cfg.Topic("sends.bulk")} }

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

// Connect makes a client for the configured cluster. It does no I/O but reading
// certificates and secrets.
func Connect(cfg *config.Config) (*kafka.Client, error) { return connect(cfg, nil) }

func connect(cfg *config.Config, dial dialer) (*kafka.Client, error) {
	tls, err := cfg.Kafka.TLSConfig()
	if err != nil {
		return nil, err
	}
	sasl, err := cfg.Kafka.SASLMechanism()
	if err != nil {
		return nil, err
	}
	return kafka.NewClient(kafka.Config{
		Brokers: cfg.Kafka.Brokers, ClientID: cfg.Kafka.ClientID, TLS: tls, SASL: sasl,
		MaxDecompressed: int(cfg.Limits.Batch), Dial: dial,
	}), nil
}

// PluginSpec says how a channel's plugin is started. It reads the secrets.
func PluginSpec(name string, ch config.Channel) (host.Spec, error) {
	spec := host.Spec{Name: name, Path: ch.Plugin.Path, Args: ch.Plugin.Args, SHA256: ch.Plugin.SHA256}
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
		spec.Accounts = append(spec.Accounts, host.Account{Name: account, Settings: a.SettingsJSON(), Secrets: secrets})
	}
	return spec, nil
}
