package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/outcome"
	"github.com/carillonhq/carillon/engine/retry"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/shard"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// generation is the node's share of the work between two rebalances.
type generation struct {
	*Engine
	membership intake.Membership
	taken      time.Time
	reserved   map[kafka.Partition]intake.Reservation // by the commit that was found
	committed  map[kafka.Partition]int64
	found      map[kafka.Partition]bool  // those that the group had committed
	barred     map[kafka.Partition]error // inputs that must not be read
	committer  *intake.Committer
	out        *outcome.Producer // under the shards' own identities
	invalid    int32             // partitions of the topic of invalid records
	shards     map[int32]*ownedShard

	wanted  chan struct{}   // a shard wants a commit; capacity 1
	stop    context.Context // intake ends
	end     context.CancelCauseFunc
	abandon context.Context // what is open is given up
	running sync.WaitGroup  // shards
}

type ownedShard struct {
	*shard.Shard
	readers [2]*intake.Reader
}

// own runs the shards of one generation until ctx ends, then drains them and
// commits. It implements intake.RunGroup's callback.
func (e *Engine) own(ctx context.Context, m intake.Membership) {
	e.metrics.Rebalances.Inc()
	e.health.forget(quarantined)
	e.metrics.ShardsOwned.Set(float64(len(m.Shards)))
	log := e.log.With().Int32("generation", m.Generation).Logger()
	log.Info().Ints32("shards", m.Shards).Msg("shards assigned")
	e.lanes.each(func(l *lane.Lane) { l.SetShare(float64(len(m.Shards)) / float64(e.cfg.Kafka.Topics.Partitions)) })

	g := &generation{Engine: e, membership: m, shards: map[int32]*ownedShard{}, wanted: make(chan struct{}, 1)}
	g.stop, g.end = context.WithCancelCause(ctx)
	defer g.end(nil)
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	g.abandon = work
	err := g.run(abandon)
	if err != nil && ctx.Err() == nil {
		e.health.set("shards", err)
		log.Error().Err(err).Msg("the shards stopped; joining again")
		select { // not at once: it may fail again
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
		return
	}
	e.health.set("shards", errors.New("between two generations of the consumer group"))
}

func (g *generation) run(abandon func()) error {
	if err := g.claim(); err != nil {
		return err
	}
	defer g.closeOut()
	if err := g.load(); err != nil {
		return err
	}
	fetching, cancelFetch := context.WithCancel(g.stop)
	defer cancelFetch()
	sending, halt := context.WithCancel(g.abandon)
	defer halt()
	var feeding sync.WaitGroup
	g.start(fetching, sending, &feeding)
	// The shards begin nothing before, so "no commit" means a first start or a
	// commit that was lost, and nothing in between.
	if _, err := g.commit(g.stop); err != nil {
		g.end(err)
	}
	g.health.set("shards", nil)
	g.current.Store(g)
	defer g.dropLag()
	defer g.current.Store(nil)
	g.once.Do(func() { close(g.ready) })
	g.commitUntil(g.stop)

	cancelFetch()
	timer := time.AfterFunc(g.cfg.Engine.DrainTimeout, abandon)
	defer timer.Stop()
	err := g.drain()
	halt()
	g.running.Wait()
	feeding.Wait()
	if c := context.Cause(g.stop); !errors.Is(c, context.Canceled) && !errors.Is(c, intake.ErrOver) {
		return c
	}
	if err != nil {
		g.log.Warn().Err(err).Msg("the last commit of the generation was refused; what it covers is read again")
	}
	return nil
}

// load opens every shard: its committed offsets, its ledger, and what Kafka
// has beyond that.
func (g *generation) load() error {
	topics := g.inputs()
	g.committer = intake.NewCommitter(g.client, g.cfg.Kafka.Group, topics, g.membership)
	var parts []kafka.Partition
	for _, id := range g.membership.Shards {
		for _, t := range topics {
			parts = append(parts, kafka.Partition{Topic: t, Index: id})
		}
	}
	if len(parts) == 0 {
		return nil
	}
	commits, err := g.client.CommittedOffsets(g.stop, g.cfg.Kafka.Group, parts)
	if err != nil {
		return fmt.Errorf("read the committed offsets of group %s: %w", g.cfg.Kafka.Group, err)
	}
	counts, err := g.client.Partitions(g.stop, []string{g.cfg.Topic("invalid")})
	if err != nil {
		return fmt.Errorf("count the partitions of %s: %w", g.cfg.Topic("invalid"), err)
	}
	g.invalid = max(1, int32(counts[g.cfg.Topic("invalid")]))
	first, err := g.client.Offsets(g.stop, parts, kafka.Earliest)
	if err != nil {
		return fmt.Errorf("read the first offsets: %w", err)
	}
	ends, err := g.client.Offsets(g.stop, parts, kafka.Latest)
	if err != nil {
		return fmt.Errorf("read the last offsets: %w", err)
	}
	g.committed, g.found, g.barred = map[kafka.Partition]int64{}, map[kafka.Partition]bool{}, map[kafka.Partition]error{}
	g.reserved, g.taken = map[kafka.Partition]intake.Reservation{}, time.Now()
	for _, p := range parts {
		at := commits[p].Offset
		if g.found[p] = at >= 0; !g.found[p] {
			at = first[p] // the group's first start, or checkCommits says no
		}
		g.committed[p] = at
		r, err := intake.ParseReservation(at, commits[p].Metadata)
		if err != nil { // an older version's commit, or a tool's
			r = intake.Reservation{Low: at, Reserved: at}
		}
		r.Reserved = max(at, min(r.Reserved, ends[p]))
		r.Due = min(r.Due, g.taken.UnixMilli())
		g.reserved[p] = r
	}
	for _, id := range g.membership.Shards {
		if err := g.loadShard(id); err != nil {
			return err
		}
	}
	return nil
}

func (g *generation) loadShard(id int32) error {
	topics := g.inputs()
	cfg := g.shardConfig(id)
	r := &shard.Restorer{
		Config: cfg, Reader: intake.Tailer{Client: g.client}, Window: g.cfg.Engine.DedupeWindow, Now: time.Now(),
	}
	led, err := g.ledger.Load(id, r.Now, r.Done)
	if err != nil {
		return err
	}
	r.Ledger = led
	done, stale, err := r.Restore(g.stop)
	if err != nil {
		return err
	}
	g.checkCommits(id, r)
	err = shard.Tombstones(g.stop, g.out, kafka.Partition{Topic: cfg.Topics.Ledger, Index: id}, stale)
	if err != nil {
		return fmt.Errorf("write tombstones of shard %d: %w", id, err)
	}
	owned := &ownedShard{Shard: shard.New(cfg, shard.Env{
		Ledger: led, Outcomes: g.out, Lanes: g.lanes, Observer: newShardObserver(g.metrics),
		Log: g.log, Now: time.Now, Jitter: rand.Float64,
		Need: func() {
			select {
			case g.wanted <- struct{}{}:
			default:
			}
		},
	}, done)}
	for i, t := range topics {
		p := kafka.Partition{Topic: t, Index: id}
		owned.readers[i] = intake.NewReader(p, g.cfg.Kafka.Topics.Partitions, g.limits(), readerObserver{g.metrics})
	}
	g.shards[id] = owned
	return nil
}

// start sets the readers, the fetchers and the shards going.
func (g *generation) start(fetching, sending context.Context, feeding *sync.WaitGroup) {
	for i, topic := range g.inputs() {
		f := intake.NewFetcher(g.client, topic, 1<<20, g.quarantine, g.log)
		for id, s := range g.shards {
			p := kafka.Partition{Topic: topic, Index: id}
			if err := g.barred[p]; err != nil {
				g.quarantine(p, err)
				continue
			}
			r := s.readers[i]
			f.Add(r, g.committed[p])
			feeding.Go(func() {
				if err := r.Run(fetching); err != nil {
					g.quarantine(p, err)
				}
			})
		}
		if len(g.shards) > 0 {
			feeding.Go(func() { f.Run(fetching) })
		}
	}
	for _, s := range g.shards {
		g.running.Go(func() {
			err := s.Run(sending, g.abandon, s.readers[intake.Urgent].Chunks, s.readers[intake.Bulk].Chunks)
			if err != nil {
				g.end(err)
			}
		})
	}
}

// quarantine stops one input of a shard for a reason that only an operator can
// mend; everything else goes on.
func (g *generation) quarantine(p kafka.Partition, err error) {
	g.log.Error().Err(err).Str("partition", p.String()).Msg("the partition can't be read any further")
	g.health.set(quarantined+p.String(), err)
}

// quarantined begins the names of such faults.
const quarantined = "partition "

func (g *generation) commitUntil(stop context.Context) {
	tick := time.NewTicker(g.cfg.Engine.CommitInterval)
	defer tick.Stop()
	for {
		select {
		case <-stop.Done():
			return
		case <-tick.C:
		case <-g.wanted:
		}
		g.metrics.Commits.Inc()
		if _, err := g.commit(stop); err != nil && stop.Err() == nil {
			g.metrics.CommitErrors.Inc()
			g.log.Warn().Err(err).Msg("commit failed; the next one covers it")
		}
	}
}

// commit asks the shards what to say, says it, and tells them that it is said.
func (g *generation) commit(ctx context.Context) (quiet bool, err error) {
	quiet = true
	wants := map[int32][2]intake.Reservation{}
	for id, s := range g.shards {
		if g.isBarred(id) {
			continue
		}
		p, err := s.Ask(ctx)
		if err != nil { // it has failed, and ends the generation
			continue
		}
		wants[id] = p.Inputs
		quiet = quiet && p.Quiet
	}
	if len(wants) == 0 {
		// Nothing is asked of the broker, so nothing proves that this node still
		// belongs to the group: a lease now would let a woken zombie send.
		return quiet, ctx.Err()
	}
	err = g.renew(ctx, func(ctx context.Context) error { return g.committer.Commit(ctx, wants) })
	if err != nil {
		return quiet, err
	}
	for id, inputs := range wants {
		g.shards[id].Grant(inputs)
	}
	return quiet, nil
}

// isBarred says whether a shard's commit is not to be trusted, or touched.
func (g *generation) isBarred(id int32) bool {
	for _, topic := range g.inputs() {
		if g.barred[kafka.Partition{Topic: topic, Index: id}] != nil {
			return true
		}
	}
	return false
}

// drain waits until nothing is under way, and commits that.
func (g *generation) drain() (err error) {
	for _, s := range g.shards {
		s.Pause()
	}
	ctx := context.WithoutCancel(g.stop)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for quiet := false; !quiet && g.abandon.Err() == nil; {
		if quiet, err = g.commit(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-g.abandon.Done():
		}
	}
	return nil
}

func (g *generation) limits() send.Limits {
	l := g.cfg.Limits
	return send.Limits{Bytes: int(l.Record), Depth: l.Depth, Fields: l.Fields}
}

func (g *generation) shardConfig(id int32) shard.Config {
	c, n := g.cfg, g.cfg.Kafka.Topics.Partitions
	cfg := shard.Config{
		ID: id,
		Topics: shard.Topics{
			Sends: c.Topic("sends"), Bulk: c.Topic("sends.bulk"), Status: c.Topic("status"),
			Ledger: c.Topic("ledger"), Invalid: c.Topic("invalid"),
		},
		InvalidPartitions: g.invalid,
		Window:            c.Engine.Window,
		Quota:             min(c.Engine.Window, max(64, c.Engine.LaneQueue/n)),
		Patience:          c.Engine.LanePatience,
		ParkLimit:         max(1, c.Engine.ParkLimit/n),
		ParkHard:          max(1, c.Engine.ParkHardLimit/n),
		Protobuf:          c.Status.Format == "protobuf",
		DefaultTTL:        24 * time.Hour,
		Policies:          map[string]shard.Policy{},
	}
	cfg.TakenOver, cfg.Owner, cfg.Headroom = g.taken, g.membership.Member, c.Engine.Reserve
	for i, t := range g.inputs() {
		cfg.Found[i] = g.reserved[kafka.Partition{Topic: t, Index: id}]
	}
	for name, ch := range c.Channels {
		cfg.Policies[name] = shard.Policy{
			Retry:   retry.Policy{MaxAttempts: ch.Retry.MaxAttempts, Base: ch.Retry.Base, Max: ch.Retry.Max},
			Hold:    ch.OnUnknown == "hold",
			HoldFor: ch.HoldFor,
			TTL: map[carillonv1.Class]time.Duration{
				carillonv1.Class_CLASS_TRANSACTIONAL: ch.TTL.Transactional,
				carillonv1.Class_CLASS_MARKETING:     ch.TTL.Marketing,
			},
		}
	}
	return cfg
}
