// Package shard decides all that concerns a recipient: one goroutine per shard
// owns its state, takes input, results and acknowledgements as they come, and
// never blocks on any of them.
//
// A shard is partition i of every co-partitioned topic. The order of its steps
// is the engine's one rule: produce to Kafka, and only when that is
// acknowledged apply to the ledger, and only then mark the input done.
package shard

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/limit"
	"github.com/carillonhq/carillon/engine/send"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Shard is one shard's loop.
type Shard struct {
	cfg Config
	env Env

	mail              mailbox // others write, run reads
	inputs            [2]input
	lines             map[string]*line  // by queue name; run only
	inOrder           []*line           // the same; run only
	live              map[send.Key]bool // parked sends in memory, and whether they were loaded; run only
	byLane            map[Lane][2]*line // run only
	pend              *flight           // gathered in this turn; run only
	flying            []*flight         // produced and not yet applied, in order; run only
	unacked           int               // entries of flying; run only
	stalled           bool              // the first of flying is too old; run only
	low               [2]atomic.Int64   // watermarks; run writes, the committer reads
	last              [2]atomic.Int64   // when the newest record taken in was accepted, Unix milliseconds
	parked            atomic.Pointer[Parked]
	landed            []*flight          // whose memory is free again; run only
	scratch           scratch            // run only
	adopted, stopping bool               // run only
	decisions         []*controlv1.Doubt // an operator's, not yet carried out; run only
	anyBack           bool               // some line's back is not empty; run only
	failed            error              // what a callback could not return
	ended             chan struct{}
	doubted           map[ledger.Spot]doubtedRows // by part of a queue: Due is 0; run only
	served            map[string]string           // by line, the tenant that had the last turn; run only
	pairs             map[string]*limit.Pairs     // by channel; run only
	shares            map[send.Key]bool           // that count for caps before they have gone; run only
	reserving                                     // run only
	orders                                        // run only
	collapsing                                    // run only
	suppressing                                   // run only
	halting                                       // run only
}

// input is one input topic's state.
type input struct {
	tracker *Tracker
	done    map[int64]bool // finished above the committed offset, by an earlier run
	chunk   intake.Chunk   // the last that was taken
	held    []intake.Item  // of it, not yet admitted
	next    int64          // offset after held
	ahead   ahead
}

// New makes a shard from what Restore found.
func New(cfg Config, env Env, done [2]map[int64]bool) *Shard {
	s := &Shard{
		cfg: cfg, env: env, mail: mailbox{wake: make(chan struct{}, 1)},
		lines: map[string]*line{}, live: map[send.Key]bool{}, byLane: map[Lane][2]*line{},
		ended: make(chan struct{}), doubted: map[ledger.Spot]doubtedRows{}, served: map[string]string{}, shares: map[send.Key]bool{}, pairs: map[string]*limit.Pairs{},
	}
	s.shut, s.chains = true, map[send.Key]*chain{}
	s.collapses = map[send.Key]*versions{}
	s.tallies, s.woken = map[string]*tally{}, map[send.Key]bool{}
	s.pend = s.newFlight()
	most := max(leastAhead, int64(cfg.Headroom))
	s.loads = ahead{most: most, size: most / 4, since: env.Now()}
	for i := range s.inputs {
		low := cfg.Found[i].Low
		s.inputs[i] = input{tracker: NewTracker(low, spanOf(cfg.Window)), done: done[i], ahead: s.loads}
		s.inputs[i].ahead.gate, s.inputs[i].ahead.used = low, low
		s.low[i].Store(low)
	}
	s.publishParked()
	return s
}

// Results implements lane.Owner.
func (s *Shard) Results(r []lane.Result) { s.mail.results(r) }

// Run takes chunks until stop ends, then finishes what is at the plugins and on
// its way to Kafka, until abandon ends. It returns what made it stop early: a
// write that can't succeed.
func (s *Shard) Run(stop, abandon context.Context, urgent, bulk <-chan intake.Chunk) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer close(s.ended)
	// Whatever ends the loop: what is left in a lane would go out later, when
	// the shard may be another node's.
	defer s.stop()
	stopping := stop.Done()
	for {
		now := s.env.Now()
		wait := s.turn(now)
		if s.failed != nil {
			return s.failed
		}
		if stopping == nil && s.idle() {
			return nil
		}
		timer.Reset(wait)
		select {
		case c := <-s.wants(intake.Urgent, urgent):
			s.take(intake.Urgent, c)
		case c := <-s.wants(intake.Bulk, bulk):
			s.take(intake.Bulk, c)
		case <-s.mail.wake:
		case <-timer.C:
		case <-stopping:
			stopping = nil
			urgent, bulk = nil, nil
			s.stop()
		case <-abandon.Done():
			return s.failed
		}
	}
}

// turn does all that can be done now, and returns how long nothing else falls
// due by itself.
func (s *Shard) turn(now time.Time) time.Duration {
	post := s.mail.take()
	for i := range post.results {
		s.settle(&post.results[i], now)
	}
	s.rejoin(now)
	for _, a := range post.acks {
		s.acknowledged(a)
	}
	s.land()
	s.heed(&post, now)
	wait := time.Hour
	if !s.still() {
		if !s.adopted {
			s.adopted = true
			s.adopt(now)
			s.waking.begin(s) // what was resumed while nobody had the shard
		}
		s.obey(now)
		s.decide(now)
		s.admit(now)
		wait = min(s.recallSuppressed(now), s.move(now))
		s.spill(now)
		wait = min(wait, s.walkRows(now))
	}
	s.takeOff(now)
	s.land() // a flight without records has nothing to wait for
	s.publish()
	for _, a := range post.asks {
		a <- s.answer(now)
	}
	for _, f := range post.calls {
		f(now)
	}
	s.need(now)
	return wait
}

// heed follows what the committer and the node want.
func (s *Shard) heed(post *post, now time.Time) {
	if post.granted != nil {
		s.granted(post.granted)
	}
	if post.paused && !s.paused {
		s.withdraw()
		s.save(now)
	}
	s.paused = post.paused
	s.heedHalts(post.halts)
	s.decisions = append(s.decisions, post.decided...)
}

// wants returns the channel of an input while there is room for a chunk, and
// nil, which blocks for ever, while there is none.
func (s *Shard) wants(i int, c <-chan intake.Chunk) <-chan intake.Chunk {
	in := &s.inputs[i]
	if len(in.held) > 0 || in.tracker.Open() >= s.cfg.Window {
		return nil
	}
	return c
}

func (s *Shard) take(i int, c intake.Chunk) {
	s.inputs[i].chunk, s.inputs[i].held, s.inputs[i].next = c, c.Items, c.Next
	if n := len(c.Items); n > 0 {
		s.last[i].Store(c.Items[n-1].Accepted.UnixMilli())
	}
}

// stop forgets what has not reached a plugin: its records are read again.
func (s *Shard) stop() {
	s.stopping = true
	s.withdraw()
	for _, l := range s.inOrder {
		l.waiting, l.later = lane.Queue{}, nil
	}
	for i := range s.inputs {
		s.inputs[i].held = nil
	}
}

// idle says whether nothing is at a plugin or on its way to Kafka.
func (s *Shard) idle() bool {
	for _, l := range s.inOrder {
		if l.inLane > 0 {
			return false
		}
	}
	return len(s.flying) == 0 && s.pend.empty()
}
