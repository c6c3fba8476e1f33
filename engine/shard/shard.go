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

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/retry"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Config of a shard.
type Config struct {
	ID     int32
	Topics Topics
	// InvalidPartitions is how many the topic of invalid records has: it need
	// not be partitioned like the others.
	InvalidPartitions int32
	// Found is what the last commit of each input said; reading begins at Low.
	// Reserved is no further than the log was when the shard was taken over, and
	// is Low where nothing can be in doubt.
	Found [2]intake.Reservation
	// TakenOver is when this node took the shard over: no later than that a former
	// owner began its last attempt.
	TakenOver time.Time
	// Owner names this process in the shard's commits.
	Owner string
	// Headroom bounds the records, by input, and the parked sends that are reserved
	// ahead of need. The shard reserves less where it needs less, 16 at least.
	Headroom int
	// Window bounds the unfinished records by input.
	Window int
	// Quota bounds a shard's attempts in one lane and priority; what exceeds it
	// waits in the shard.
	Quota int
	// Patience is how long a send may wait for its lane while the window is
	// full, until it is parked so that it holds nothing up.
	Patience time.Duration
	// ParkLimit bounds the parked sends of a lane and priority. Past it bulk
	// sends hold their input up; urgent ones do at ParkHard, where they fail.
	ParkLimit, ParkHard int
	// Protobuf writes status events as protobuf instead of JSON.
	Protobuf bool
	Policies map[string]Policy
	// DefaultTTL is for sends that no channel takes.
	DefaultTTL time.Duration
}

// Topics are the full names of a shard's topics.
type Topics struct{ Sends, Bulk, Status, Ledger, Invalid string }

func (t Topics) input(i int) string {
	if i == intake.Bulk {
		return t.Bulk
	}
	return t.Sends
}

// Policy is what a channel's configuration says of its sends.
type Policy struct {
	Retry retry.Policy
	// Hold keeps a send whose answer was lost, for at most HoldFor, instead of
	// sending it again.
	Hold    bool
	HoldFor time.Duration
	// TTL is how long a send without an expiry is worth sending, by class.
	TTL map[carillonv1.Class]time.Duration
}

// Ledger is the shard's memory.
type Ledger interface {
	Seen(k send.Key, now time.Time) (ledger.Mark, bool)
	Admit(k send.Key, origin uint64, now time.Time)
	Apply(*ledger.Batch) error
	Position() ledger.Position
	Parked(queue string) int
	Queues(each func(queue string, rows int, next int64))
	Due(queue string, now int64, take func(send.Key, []byte) bool) error
	Get(k send.Key) ([]byte, error)
}

// Outcomes writes to Kafka. done is called once, from another goroutine.
type Outcomes interface {
	Produce(p kafka.Partition, records []kafka.Record, done func(base int64, err error))
}

// Lane is a way out.
type Lane interface {
	Name() (channel, account string)
	About() *lane.About
	Push([]*lane.Attempt)
	Pause(until time.Time)
	Withdraw(lane.Owner)
}

// Lanes finds the lane of a channel for an app.
type Lanes interface {
	// Find returns nil and CodeUnknownChannel or CodeNoAccount where
	// there is none.
	Find(channel, app string) (Lane, string)
}

// Observer counts. It is called from the shard's goroutine alone.
type Observer interface {
	Settled(channel string, class carillonv1.Class, s carillonv1.State, took time.Duration)
	Progress(channel string, s carillonv1.State, why string)
	Invalid(code string)
	Forwarded(topic string)
	Redelivered()
	MarketingOnUrgent()
}

// Env is what a shard meets. Now and Jitter are passed in so that a test can
// run a day in a moment.
type Env struct {
	Ledger   Ledger
	Outcomes Outcomes
	Lanes    Lanes
	Observer Observer
	Log      zerolog.Logger
	Now      func() time.Time
	Jitter   func() float64 // in [0, 1)
	// Need says that a commit is wanted soon: what is reserved is running short. It
	// must not block.
	Need func()
	// Decided says what became of an operator's decision: done, and in Kafka, or
	// not, because no send is held under that attempt. It must not block.
	Decided func(d *controlv1.Doubt, done bool)
}

// Shard is one shard's loop.
type Shard struct {
	cfg Config
	env Env

	mail              mailbox // others write, run reads
	inputs            [2]input
	lines             map[string]*line  // by queue name; run only
	live              map[send.Key]bool // parked sends in memory, and whether they were loaded; run only
	byLane            map[Lane][2]*line // run only
	pend              *flight           // gathered in this turn; run only
	flying            []*flight         // produced and not yet applied, in order; run only
	low               [2]atomic.Int64   // watermarks; run writes, the committer reads
	last              [2]atomic.Int64   // when the newest record taken in was accepted, Unix milliseconds
	parked            atomic.Pointer[map[string]int]
	landed            []*flight          // whose memory is free again; run only
	scratch           scratch            // run only
	adopted, stopping bool               // run only
	decisions         []*controlv1.Doubt // an operator's, not yet carried out; run only
	anyBack           bool               // some line's back is not empty; run only
	failed            error              // what a callback could not return
	ended             chan struct{}

	// The reservation; run only. See reserve.go.
	loads              ahead // of parked sends
	loadedEver         int64
	loaded             int   // of those, how many are in memory
	due                int64 // parked sends that fall due later are not loaded, Unix milliseconds
	dueSoon            bool  // some fall due before long
	paused, shut       bool  // shut: what is reserved is not granted
	askedStill, needed bool
}

// input is one input topic's state.
type input struct {
	tracker *Tracker
	done    map[int64]bool // finished above the committed offset, by an earlier run
	held    []intake.Item  // taken from the reader and not yet admitted
	next    int64          // offset after held
	ahead   ahead
}

// New makes a shard from what Restore found.
func New(cfg Config, env Env, done [2]map[int64]bool) *Shard {
	s := &Shard{
		cfg: cfg, env: env, mail: mailbox{wake: make(chan struct{}, 1)},
		lines: map[string]*line{}, live: map[send.Key]bool{}, byLane: map[Lane][2]*line{},
		ended: make(chan struct{}), shut: true,
	}
	s.pend = s.newFlight()
	most := max(leastAhead, int64(cfg.Headroom))
	s.loads = ahead{most: most, size: most / 4, since: env.Now()}
	for i := range s.inputs {
		low := cfg.Found[i].Low
		s.inputs[i] = input{tracker: NewTracker(low), done: done[i], ahead: s.loads}
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
	s.rejoin()
	for _, a := range post.acks {
		s.acknowledged(a)
	}
	s.land()
	s.heed(&post)
	wait := time.Hour
	if !s.still() {
		if !s.adopted {
			s.adopted = true
			s.adopt(now)
		}
		s.decide(now)
		s.admit(now)
		wait = s.move(now)
	}
	s.takeOff(now)
	s.land() // a flight without records has nothing to wait for
	s.publish()
	for _, a := range post.asks {
		a <- s.answer(now)
	}
	s.need(now)
	return wait
}

// heed follows what the committer and the node want.
func (s *Shard) heed(post *post) {
	if post.granted != nil {
		s.granted(post.granted)
	}
	if post.paused && !s.paused {
		s.withdraw()
	}
	s.paused = post.paused
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
	s.inputs[i].held, s.inputs[i].next = c.Items, c.Next
	if n := len(c.Items); n > 0 {
		s.last[i].Store(c.Items[n-1].Accepted.UnixMilli())
	}
}

// withdraw takes back what has not reached a plugin.
func (s *Shard) withdraw() {
	for l := range s.byLane {
		l.Withdraw(s)
	}
}

// stop forgets what has not reached a plugin: its records are read again.
func (s *Shard) stop() {
	s.stopping = true
	s.withdraw()
	for _, l := range s.lines {
		l.waiting = nil
	}
	for i := range s.inputs {
		s.inputs[i].held = nil
	}
}

// idle says whether nothing is at a plugin or on its way to Kafka.
func (s *Shard) idle() bool {
	for _, l := range s.lines {
		if l.inLane > 0 {
			return false
		}
	}
	return len(s.flying) == 0 && s.pend.empty()
}
