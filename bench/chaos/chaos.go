package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Config of a run.
type Config struct {
	// Command is carillon: a program and what goes before "run" and "broker".
	Command []string
	// Dir takes all data and logs.
	Dir            string
	Nodes          int
	Partitions     int
	Length         time.Duration // of load and faults
	SendsPerSecond float64
	Faults         []Kind
	Gap            time.Duration // mean time between two faults
	Seed           uint64
	// Broker is "embedded", "kafka" (Apache Kafka, started here) or the address
	// of one that runs.
	Broker string
	// Policy is the channel's. "resend" may double what was open at a fault. So it
	// may with "idempotent", but the oracle lets each key through once. "hold" may
	// double nothing: what is in doubt ends as unknown.
	Policy string
	// ProviderRate is the account's limit in attempts a second, 0 for none.
	ProviderRate int
	// Session is the consumer group's session timeout.
	Session time.Duration
	// Settle bounds how long no send may end after the last fault while some have
	// no outcome: what is left then is lost.
	Settle time.Duration
	// Standby has the nodes follow the shards of others.
	Standby bool
	// Flow switches on what decides when and by which way a send goes: limits, caps,
	// quiet hours, cancel and pause, suppressions, fallback, collapse, and a breaker.
	Flow bool
	// Strict fails a run also for what a provider with idempotency keys would
	// have let through twice.
	Strict bool
	// Progress takes a line per event.
	Progress io.Writer
}

// Check returns all that is wrong with a configuration.
func (c Config) Check() error {
	var faults []error
	need := func(ok bool, text string) {
		if !ok {
			faults = append(faults, errors.New(text))
		}
	}
	need(c.Nodes >= 1 && c.Nodes <= 50, "nodes: give 1 to 50")
	need(c.Length > 0, "minutes: give more than 0")
	need(c.SendsPerSecond > 0, "sends-per-second: give more than 0")
	need(c.Broker != "", "broker: give embedded, kafka or HOST:PORT")
	need(c.Policy == "idempotent" || c.Policy == "resend" || c.Policy == "hold", "channel-policy: give idempotent, resend or hold")
	need(c.ProviderRate >= 0, "provider-rate: give 0 or more")
	ours := c.Broker == "embedded" || c.Broker == "kafka"
	need(ours || !slices.Contains(c.Faults, Broker), "faults: a broker that was not started here is not killed; leave broker out")
	return errors.Join(append(faults, checkSystem())...)
}

// run is one run under way.
type run struct {
	Config
	flow      *flow     // nil where there is none
	operator  *operator // nil without a flow
	cluster   *cluster
	publisher *publisher
	watcher   *watcher
	faults    *inflictor
	began     time.Time
	settled   time.Duration // from the last fault to the last outcome
	lag       int64
	unclean   []string
}

// Run breaks things for the configured time, lets the rest settle, and returns
// what became of every send. An error says that the run itself failed, or was
// interrupted; what it found wrong is in the report.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	r := &run{Config: c, began: time.Now()}
	e, v, err := r.through(ctx, r.load)
	if err != nil {
		return nil, err
	}
	return newReport(r, e, v), nil
}

// through opens all that is to be broken, has load break it, lets the rest
// settle, and judges.
func (r *run) through(ctx context.Context, load func(context.Context) error) (e evidence, v *verdict, err error) {
	c := r.Config
	r.say("starting %d nodes and the broker (%s) in %s", c.Nodes, c.Broker, c.Dir)
	r.flow = newFlow(c, r.began)
	if r.cluster, err = openCluster(ctx, c, r.flow); err != nil {
		return e, nil, err
	}
	defer func() { _ = r.cluster.close() }() // the verdict is in by then
	if r.publisher, err = newPublisher(r.cluster.broker.Addr, r.cluster.prefix, fmt.Sprintf("c%d-", c.Seed), c.Seed); err != nil {
		return e, nil, err
	}
	defer r.publisher.close()
	if err = r.hire(); err != nil {
		return e, nil, err
	}
	if r.watcher, err = newWatcher(r.cluster); err != nil {
		return e, nil, err
	}
	defer r.watcher.close()
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { r.watcher.follow(watching) })
	watch.Go(func() { r.watcher.sample(watching) })
	watch.Go(func() { r.tell(watching) })
	r.faults = r.newInflictor()
	err = load(ctx)
	if err == nil {
		err = r.settle(ctx)
	}
	stop()
	watch.Wait()
	if err == nil {
		e, err = r.gather()
	}
	if err != nil {
		return e, nil, err
	}
	return e, check(e), nil
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Progress, "%6.1fs  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// tell says how far it is, until ctx ends.
func (r *run) tell(ctx context.Context) {
	for sleep(ctx, 5*time.Second) {
		r.say("accepted %d, ended %d", r.publisher.accepted(), r.watcher.endedIDs())
	}
}

// load breaks by a plan for as long as was asked for.
func (r *run) load(ctx context.Context) error {
	plan := schedule{
		seed: r.Seed, kinds: r.Faults, nodes: r.Nodes, span: r.Length, gap: r.Gap, session: r.Session,
	}.plan()
	r.say("%d faults in %v, by seed %d", len(plan), r.Length, r.Seed)
	return r.underLoad(ctx, func() error {
		over := time.NewTimer(r.Length)
		defer over.Stop()
		r.faults.run(ctx, plan)
		select {
		case <-over.C:
		case <-ctx.Done():
		}
		return nil
	})
}

// underLoad publishes while inflict breaks things. It returns when all is mended
// and all records have been answered for.
func (r *run) underLoad(ctx context.Context, inflict func() error) error {
	loading, end := context.WithCancel(ctx)
	defer end()
	var publishing sync.WaitGroup
	publishing.Go(func() { r.publisher.publish(loading, r.SendsPerSecond) })
	if r.operator != nil {
		publishing.Go(func() { r.operator.run(loading) })
	}
	err := inflict()
	end()
	publishing.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	flushing, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return r.publisher.flush(flushing)
}

// settle waits for the last outcomes and commits, and stops the nodes.
func (r *run) settle(ctx context.Context) (err error) {
	r.say("no more faults; waiting for the last outcomes")
	began := time.Now()
	again := r.publisher.repeated()
	patience := r.Settle
	if r.flow != nil {
		patience += time.Minute // a send may wait so long for its cap or for dusk
	}
	for most, last := 0, began; time.Since(last) < patience; {
		ended, recognised := r.watcher.endedIDs(), r.watcher.recognised(again)
		if ended >= r.publisher.accepted() && recognised == len(again) || !sleep(ctx, 100*time.Millisecond) {
			break
		}
		if n := ended + recognised; n > most {
			most, last = n, time.Now()
		}
	}
	r.settled = time.Since(began)
	if r.lag, err = r.awaitCommits(ctx); err != nil {
		return err
	}
	r.unclean = r.cluster.stopNodes()
	return r.readToEnd(ctx)
}

// awaitCommits returns how many records no commit covers, once it is none or
// long after the commit interval.
func (r *run) awaitCommits(ctx context.Context) (lag int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		last, fault := r.watcher.lag(ctx, r.Partitions)
		if ctx.Err() == nil {
			lag, err = last, fault
		}
		if lag == 0 && err == nil || !sleep(ctx, 250*time.Millisecond) {
			return lag, err
		}
	}
}

// readToEnd returns when the nodes' last status events have been read.
func (r *run) readToEnd(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		done, err := r.watcher.caughtUp(ctx, r.Partitions)
		if done {
			return nil
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return errors.Join(fmt.Errorf("read the topic status to its end: %w", context.Cause(ctx)), err)
		}
	}
}

// Logs is the pattern of the nodes' logs in a run's directory.
func Logs(dir string) string { return filepath.Join(dir, "node-*", "node.log") }
