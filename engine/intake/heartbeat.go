package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
)

// stage is what a member is at while its heartbeats go on.
type stage int

const (
	joining stage = iota // the next generation: that the last one is over is no news
	serving              // a generation
)

// beatDuring runs do in a goroutine of its own and sends heartbeats until it has
// returned. do's context ends when the membership is over, and that is returned.
func (m *member) beatDuring(ctx context.Context, s stage, do func(context.Context)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	end := func(err error) {
		if !fault.Mutant(fault.IgnoreLostShard) {
			cancel(fmt.Errorf("%w: %w", ErrOver, err))
		}
	}
	// A context's end is not do's: until that, the group is to know of us.
	beats, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer stop()
		do(ctx)
	}()
	silence := time.AfterFunc(m.untilSilence(), func() {
		if s == serving {
			end(fmt.Errorf("group %s has not answered for %s", m.ID, m.SessionTimeout))
		}
	})
	defer silence.Stop()
	tick := time.NewTicker(m.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-beats.Done():
			if over := context.Cause(ctx); errors.Is(over, ErrOver) {
				return over
			}
			return nil
		case <-tick.C:
			m.beat(beats, s, end)
			silence.Reset(m.untilSilence())
		}
	}
}

func (m *member) untilSilence() time.Duration { return time.Until(m.heard.Add(m.SessionTimeout)) }

// beat sends one heartbeat, and calls end where its answer says that the
// membership is over.
func (m *member) beat(ctx context.Context, s stage, end func(error)) {
	if m.generation < 0 {
		return
	}
	asked := time.Now()
	asking, cancel := context.WithTimeout(ctx, m.SessionTimeout/3)
	defer cancel()
	err := m.Client.Heartbeat(asking, m.ID, m.generation, m.id)
	m.obey(err)
	switch rebalance := kafka.Is(err, kafkago.RebalanceInProgress); {
	case err == nil || rebalance:
		m.heard, m.mute = asked, false
		if rebalance && s == serving {
			end(err)
		}
	case m.generation < 0 && s == serving:
		end(err)
	case m.generation < 0:
		// The answer to the join may be on its way. If it is not, nobody will
		// ever give it.
		time.AfterFunc(m.Heartbeat, func() { end(err) })
	case ctx.Err() == nil && !m.mute:
		m.mute = true
		m.log.Warn().Err(err).Stringer("session_timeout", m.SessionTimeout).Msg("no heartbeat gets through; the shards are lost after a session timeout")
	}
}
