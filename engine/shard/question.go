package shard

import (
	"context"
	"fmt"
	"time"

	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Answer answers an operator's question for this shard, from any goroutine. It
// waits for the shard's loop; it fails when ctx ends or the loop has.
func (s *Shard) Answer(ctx context.Context, q *controlv1.Query) (*controlv1.ShardReply, error) {
	reply := &controlv1.ShardReply{Shard: s.cfg.ID, SinceMs: s.cfg.TakenOver.UnixMilli(), Done: true}
	return reply, s.within(ctx, func(now time.Time) { s.explain(q, reply, now) })
}

// Progress says how far the shard is with a cancel or a pause, from any goroutine:
// it is done with one that does not stand. ends are behind the last records that
// the inputs had at the time. It waits and fails as Answer does.
func (s *Shard) Progress(ctx context.Context, request string, ends [2]int64) (*controlv1.ShardReply, error) {
	reply := &controlv1.ShardReply{Shard: s.cfg.ID, SinceMs: s.cfg.TakenOver.UnixMilli(), Done: true}
	return reply, s.within(ctx, func(time.Time) {
		t := s.tallies[request]
		if t == nil {
			return
		}
		p := &controlv1.Progress{Sends: t.sends, Late: t.late, UnderWay: int64(len(t.under)), Parked: !t.swept}
		if !s.halts.requests[request] { // a cancel: rowsUnseen
			for i := range s.inputs {
				p.Unread += max(0, ends[i]-s.inputs[i].begun())
			}
		}
		reply.Done = t.heeded && t.swept && p.UnderWay == 0 && p.Unread == 0
		reply.Answer = &controlv1.ShardReply_Progress{Progress: p}
	})
}

// within has f run in the shard's loop, at the end of a turn, and waits for it.
// Where it fails f may still run later.
func (s *Shard) within(ctx context.Context, f func(now time.Time)) error {
	done := make(chan struct{})
	s.mail.call(func(now time.Time) {
		f(now)
		close(done)
	})
	select {
	case <-done:
		return nil
	case <-s.ended:
		return fmt.Errorf("shard %d has ended", s.cfg.ID)
	case <-ctx.Done():
		return fmt.Errorf("ask shard %d: %w", s.cfg.ID, context.Cause(ctx))
	}
}
