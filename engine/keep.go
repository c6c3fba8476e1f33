package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
)

// keep keeps one shard running for as long as the generation lasts: the one of
// the generation before, or one that is opened anew. One that fails is opened
// again, and the others do not notice. first is called when it first runs, or
// has failed to.
func (g *generation) keep(id int32, first func()) {
	defer first()
	for g.ctx.Err() == nil {
		s, err := g.take(id)
		if err == nil {
			g.health.set(shardFault(id), nil)
			err = g.watchOver(s, first)
		}
		if g.ctx.Err() != nil {
			return
		}
		if errors.Is(err, errDecided) {
			continue
		}
		g.health.set(shardFault(id), err)
		g.log.Error().Err(err).Int32("shard", id).Msg("the shard stopped; opening it again")
		first()
		pause(g.ctx, 2*time.Second)
	}
}

func shardFault(id int32) string { return fmt.Sprintf("shard %d", id) }

// take returns the shard, paused. It is the one of an earlier generation if
// nobody else has owned it since.
func (g *generation) take(id int32) (*ownedShard, error) {
	if s := g.owned.get(id); s != nil {
		ours, err := g.stillOurs(s)
		if err != nil {
			return nil, err
		}
		if ours {
			return s, g.reclaim(s)
		}
		g.drop(s)
	}
	g.opening <- struct{}{}
	defer func() { <-g.opening }()
	s, err := g.openShard(g.ctx, id)
	if err == nil {
		s.generation = g.membership.Generation
	}
	return s, err
}

// reclaim sees to it that Kafka takes what a kept shard writes. In a generation
// that this node was no part of, another one may have claimed the shard and got
// no further: it has begun nothing, and yet all that is sent now would be in
// doubt when its outcome is refused.
func (g *generation) reclaim(s *ownedShard) error {
	if g.membership.Generation > s.generation+1 {
		// What is on its way would be refused under the new identity. Under the old
		// one it is taken, or it is not and the shard ends.
		for quiet := false; !quiet; pause(g.ctx, 10*time.Millisecond) {
			p, err := s.Ask(g.ctx)
			if err != nil {
				return err
			}
			quiet = p.Quiet
		}
		if err := g.claim(g.ctx, s.id); err != nil {
			return err
		}
	}
	s.generation = g.membership.Generation
	return nil
}

// stillOurs says whether the shard's last commits are this process's: then
// nobody has begun anything since.
func (g *generation) stillOurs(s *ownedShard) (bool, error) {
	if !s.alive() {
		return false, nil
	}
	commits, err := g.client.CommittedOffsets(g.ctx, g.cfg.Kafka.Group, s.inputs[:])
	if err != nil {
		return false, fmt.Errorf("read the committed offsets of shard %d: %w", s.id, err)
	}
	for i, p := range s.inputs {
		if s.barredBy(i) != nil || fault.Mutant(fault.KeptUnasked) {
			continue // it commits nothing
		}
		r, err := intake.ParseReservation(commits[p].Offset, commits[p].Metadata)
		if err != nil || r.Owner != g.owner {
			return false, nil //nolint:nilerr // whatever it is, it is not ours
		}
	}
	return true, nil
}

// watchOver lets the shard go on until it fails or the generation ends.
func (g *generation) watchOver(s *ownedShard, first func()) error {
	g.serve(s)
	g.wakeCommitter()
	first()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return nil
		case <-s.ended:
			g.forget(s)
			g.drop(s)
			return errors.Join(s.err, errShardEnded)
		case <-look.C:
			g.goPast(s)
			if g.decided(s) {
				g.giveUp(s)
				return errDecided
			}
			g.serve(s) // the disk may have room again
		}
	}
}

// lookAgain is how often a barred input is looked at: whether an operator has
// decided.
const lookAgain = 5 * time.Second

var (
	errShardEnded = errors.New("the shard has ended")
	errDecided    = errors.New("an operator has decided about the shard")
)

// giveUp closes a shard that is fine, so that it leaves nothing in doubt.
func (g *generation) giveUp(s *ownedShard) {
	s.Pause()
	ctx, cancel := context.WithTimeout(g.ctx, g.cfg.Engine.DrainTimeout)
	defer cancel()
	for !g.isQuiet(ctx, s) {
		pause(ctx, 10*time.Millisecond)
	}
	_ = g.commit(ctx) // where it fails, more is in doubt
	g.forget(s)
	g.drop(s)
}

// isQuiet says whether nothing of a paused shard is under way, or nothing more
// will be heard of it.
func (g *generation) isQuiet(ctx context.Context, s *ownedShard) bool {
	g.committing.Lock()
	defer g.committing.Unlock()
	p, err := s.Ask(ctx)
	return err != nil || p.Quiet
}

// drop closes a shard and forgets it.
func (e *Engine) drop(s *ownedShard) {
	for i, r := range s.readers {
		e.fetchers[i].Remove(r.Reader)
		e.health.set(quarantined+s.inputs[i].String(), nil)
		e.metrics.DropLag(s.inputs[i].Topic, s.id)
	}
	s.close()
	e.out.Disown(e.written(s.id)...)
	e.owned.set(s.id, nil)
	e.health.set(shardFault(s.id), nil)
}

// quarantine stops one input of a shard; everything else goes on. It is the
// fetchers' way to tell of what they can't read.
func (e *Engine) quarantine(p kafka.Partition, err error) {
	s := e.owned.get(p.Index)
	if s == nil {
		return
	}
	i := slices.Index(s.inputs[:], p)
	if stopped := newStopped(p, err); stopped != nil {
		s.stopAt(i, stopped)
		err = stopped // it says how to go on
	} else {
		s.bar(i, err)
	}
	e.log.Error().Err(err).Str("partition", p.String()).Msg("the partition is not read any further")
	e.health.set(quarantined+p.String(), err)
}

// quarantined begins the names of such faults.
const quarantined = "partition "

func (e *Engine) wakeCommitter() {
	select {
	case e.need <- struct{}{}:
	default: // it is awake
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
