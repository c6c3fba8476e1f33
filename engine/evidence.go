package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/shard"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// newest is how many of a shard's newest events in `status` are read where its
// commit is not enough to go by.
const newest = 4 * intake.MaxSpan

// judge finds from where a shard's inputs are gone on with, and bars those that
// only an operator can decide about. settled is, by input, behind the last
// record that is known to be finished, 0 where none is; where that, or the
// commit, speaks against going on, what `status` tells of the past is read too,
// and known says so.
func (e *Engine) judge(ctx context.Context, s *ownedShard, cfg *shard.Config, settled [2]int64) (known bool, err error) {
	found, err := e.evidence(ctx, s.inputs)
	if err != nil {
		return false, err
	}
	for i := range found {
		_, anew := anewFrom(found[i].Accepted)
		if known = known || anew; settled[i] > 0 && !anew {
			found[i].Known = []intake.Run{{From: settled[i] - 1, To: settled[i]}}
		}
	}
	verdicts := Judge(e.cfg.Kafka.Group, false, found[:]...)
	for i := range verdicts {
		known = known || verdicts[i].Fault != nil || verdicts[i].By != nil || found[i].Commit.Offset < 0
	}
	if known {
		h, err := ReadHistory(ctx, e.client, e.cfg, s.id, newest, [2]*controlv1.Record{found[0].Accepted, found[1].Accepted})
		if err != nil {
			return known, err
		}
		for i := range found {
			if len(h.Known[i]) > 0 {
				found[i].Known = h.Known[i]
			}
		}
		verdicts = Judge(e.cfg.Kafka.Group, h.Ran, found[:]...)
	}
	for i, v := range verdicts {
		cfg.Found[i], s.accepted[i], s.barred[i] = v.Found, v.By, nil // nobody else has it yet
		if v.Fault != nil {
			s.barred[i] = v.Fault
		}
	}
	return known, nil
}

// evidence reads how Kafka has a shard's inputs.
func (e *Engine) evidence(ctx context.Context, inputs [2]kafka.Partition) (found [2]Evidence, err error) {
	select {
	case <-e.operator.CaughtUp():
	case <-ctx.Done():
		return found, context.Cause(ctx)
	}
	group := e.cfg.Kafka.Group
	commits, err := e.client.CommittedOffsets(ctx, group, inputs[:])
	if err != nil {
		return found, fmt.Errorf("read the committed offsets of group %s: %w", group, err)
	}
	first, err := e.client.Offsets(ctx, inputs[:], kafka.Earliest)
	if err != nil {
		return found, fmt.Errorf("read the first offsets: %w", err)
	}
	end, err := e.client.Offsets(ctx, inputs[:], kafka.Latest)
	if err != nil {
		return found, fmt.Errorf("read the last offsets: %w", err)
	}
	for i, p := range inputs {
		found[i] = Evidence{Partition: p, Commit: commits[p], First: first[p], End: end[p], Accepted: e.operator.Acceptance(p)}
	}
	return found, nil
}

// decided says whether an operator has decided about an input that is barred
// since: either the group's commit is another one, or this one was accepted.
func (g *generation) decided(s *ownedShard) bool {
	for i, p := range s.inputs {
		if s.barredBy(i) == nil {
			continue
		}
		found, err := g.evidence(g.ctx, s.inputs)
		if err != nil {
			return false // it is asked again
		}
		var q *Quarantine
		if errors.As(s.barredBy(i), &q) && Fingerprint(found[i].Commit) != Fingerprint(q.Commit) {
			return true
		}
		if r := g.operator.Acceptance(p); r.GetAcceptance() != nil && found[i].accepted() != nil {
			return true
		}
	}
	return false
}

// goPast goes on reading where an operator has said so: behind what can't be
// read. Everything before it is finished or under way, and stays.
func (g *generation) goPast(s *ownedShard) {
	for i, p := range s.inputs {
		at := s.stoppedAt(i)
		if at == nil {
			continue
		}
		r := g.operator.past(p, at.At)
		if r == nil {
			continue
		}
		old := s.readers[i]
		g.fetchers[i].Remove(old.Reader)
		old.end()
		next := g.newReader(p)
		next.Chunks = old.Chunks // the shard reads them
		s.readers[i] = startReading(next, func(err error) { g.quarantine(p, err) })
		s.goOn(i, r)
		g.health.set(quarantined+p.String(), nil)
		g.fetchers[i].Add(next, r.GetAcceptance().From)
	}
}
