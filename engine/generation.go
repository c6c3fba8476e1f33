package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/shard"
)

// generation is the node's membership of the group between two rebalances. The
// shards outlive it; what ends with it is the right to begin anything.
type generation struct {
	*Engine
	ctx        context.Context // ends at the rebalance
	log        zerolog.Logger
	membership intake.Membership
	committer  *intake.Committer

	committing sync.Mutex // Ask, Commit and Grant go together

	mu      sync.Mutex
	serving map[int32]*ownedShard // this generation commits for them
	resting bool                  // nothing begins any more
}

// own serves one generation's share until ctx ends, and leaves the shards
// paused and committed. It implements intake.RunGroup's callback.
func (e *Engine) own(ctx context.Context, m intake.Membership) {
	e.metrics.Rebalances.Inc()
	e.metrics.ShardsOwned.Set(float64(len(m.Shards)))
	log := e.log.With().Int32("generation", m.Generation).Logger()
	log.Info().Str("process", e.owner).Ints32("shards", m.Shards).Msg("shards assigned")
	g := &generation{
		Engine: e, ctx: ctx, log: log, membership: m, serving: map[int32]*ownedShard{},
		committer: intake.NewCommitter(e.client, e.cfg.Kafka.Group, e.inputs(), m),
	}
	for _, id := range e.owned.ids() {
		if !slices.Contains(m.Shards, id) {
			e.drop(e.owned.get(id))
		}
	}
	e.standby.assign(m.Shards)
	e.lanes.each(func(l *lane.Lane) { l.SetShards(m.Shards, e.cfg.Kafka.Topics.Partitions) })

	var keepers, first sync.WaitGroup
	for _, id := range m.Shards {
		first.Add(1)
		keepers.Go(func() { g.keep(id, sync.OnceFunc(first.Done)) })
	}
	keepers.Go(func() {
		first.Wait()
		if ctx.Err() == nil {
			e.health.set("shards", nil)
			e.once.Do(func() { close(e.ready) })
		}
	})
	g.commitUntilEnd()
	e.health.set("shards", errors.New("between two generations of the consumer group"))
	g.rest()
	keepers.Wait()
}

// commitUntilEnd commits at intervals, and whenever a shard is near the end of
// what it may begin.
func (g *generation) commitUntilEnd() {
	tick := time.NewTicker(g.cfg.Engine.CommitInterval)
	defer tick.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-tick.C:
		case <-g.need:
		}
		if err := g.commit(g.ctx); err != nil && g.ctx.Err() == nil {
			g.metrics.CommitErrors.Inc()
			g.log.Warn().Err(err).Msg("commit failed; the next one covers it")
		}
	}
}

// commit asks the shards how far they are and want to go, commits that, and
// tells them that they may.
func (g *generation) commit(ctx context.Context) error {
	g.committing.Lock()
	defer g.committing.Unlock()
	positions := g.ask(ctx)
	shards := map[int32][2]intake.Reservation{}
	for s, p := range positions {
		shards[s.id] = p.Inputs
	}
	if !says(shards) && !fault.Mutant(fault.LeaseOfNothing) {
		// Nothing is asked of the broker, so nothing proves that this node still
		// belongs to the group: a lease now would let a woken zombie send.
		return nil
	}
	g.metrics.Commits.Inc()
	asked := time.Now()
	if err := g.committer.Commit(ctx, shards); err != nil {
		return err
	}
	for s, p := range positions {
		s.Grant(p.Inputs)
		s.wentBy(g.operator, p.Inputs)
	}
	g.lease(asked)
	return nil
}

// says tells whether there is anything to commit.
func says(shards map[int32][2]intake.Reservation) bool {
	for _, inputs := range shards {
		for _, r := range inputs {
			if r.Low != intake.NoCommit {
				return true
			}
		}
	}
	return false
}

// lease lets attempts begin for as long as an accepted commit proves that nobody
// else can own these shards: a session timeout after it was asked for.
func (g *generation) lease(asked time.Time) {
	session := g.cfg.Kafka.SessionTimeout
	until := asked.Add(session - session/leaseMargin)
	g.lanes.each(func(l *lane.Lane) { l.Lease(until) })
}

// leaseMargin is the part of the session timeout that is kept for what is
// between a look at the clock and the provider.
const leaseMargin = 5

// rest pauses the shards and commits what they then are: behind what is still
// at a plugin after the drain timeout nothing is in doubt for a next owner.
func (g *generation) rest() {
	g.mu.Lock()
	g.resting = true
	g.mu.Unlock()
	for _, s := range g.served() {
		s.Pause()
	}
	fault.Point(fault.DuringDrain)
	limit := time.After(g.cfg.Engine.DrainTimeout)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), g.cfg.Engine.DrainTimeout+10*time.Second)
	defer cancel()
	for waiting := !fault.Mutant(fault.DrainNotWaited); waiting && !g.quiet(ctx); {
		select {
		case <-look.C:
		case <-limit:
			g.log.Warn().Msg("attempts are still open after the drain timeout; the next owner finds them in doubt")
			waiting = false
		}
	}
	if err := g.commit(ctx); err != nil {
		g.log.Warn().Err(err).Msg("the last commit of the generation was refused; what it covers may be in doubt")
	}
}

func (g *generation) quiet(ctx context.Context) bool {
	g.committing.Lock()
	defer g.committing.Unlock()
	for _, p := range g.ask(ctx) {
		if !p.Quiet {
			return false
		}
	}
	return true
}

// ask asks all shards that are served, each in its own time.
func (g *generation) ask(ctx context.Context) map[*ownedShard]shard.Position {
	var mu sync.Mutex
	var asking sync.WaitGroup
	all := map[*ownedShard]shard.Position{}
	for _, s := range g.served() {
		asking.Go(func() {
			p, err := s.position(ctx)
			if err != nil {
				return // it has ended; its keeper knows
			}
			mu.Lock()
			defer mu.Unlock()
			all[s] = p
		})
	}
	asking.Wait()
	return all
}

// serve lets a shard go on, and has it committed for.
func (g *generation) serve(s *ownedShard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serving[s.id] = s
	if !g.resting && !g.diskLow.Load() {
		s.Resume()
	}
}

func (g *generation) forget(s *ownedShard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.serving, s.id)
}

func (g *generation) served() []*ownedShard {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*ownedShard, 0, len(g.serving))
	for _, s := range g.serving {
		all = append(all, s)
	}
	return all
}
