package lane

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/limit"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Stream is one Deliver stream to a plugin.
type Stream = grpc.BidiStreamingClient[channelv1.DeliverRequest, channelv1.DeliverResponse]

// Channel is the plugin that the lane sends through.
type Channel interface {
	// Describe waits until the plugin has said what it is.
	Describe(context.Context) (*channelv1.DescribeResponse, error)
	// Deliver waits until the plugin is up and opens a stream to the account:
	// the one for all attempts, or the one beside it for urgent ones alone.
	Deliver(ctx context.Context, account string, urgent bool) (Stream, error)
}

// Config of a lane.
type Config struct {
	Channel, Account string
	// Rate is in sends a second for the whole cluster; 0 is no limit.
	Rate  float64
	Burst int
	// WarmUp are lower rates for a new sender, the first one first.
	WarmUp []Step
	// Adaptive lowers the rate while the provider throttles.
	Adaptive bool
	// Limits are those beside it.
	Limits Limits
	// Deadline is how long an attempt may take; 0 is what the plugin declares.
	Deadline time.Duration
	// Breaker is when the account is left alone; the zero value is never.
	Breaker Breaker
}

// Lane is one account's way out.
type Lane struct {
	cfg     Config
	plugin  Channel
	log     zerolog.Logger
	about   atomic.Pointer[About]
	observe Observer
	wake    chan struct{} // capacity 1: something changed for the sender
	health  atomic.Pointer[Health]

	mu       sync.Mutex
	queue    shares
	open     map[uint64]*Attempt // given to the plugin and not answered
	credits  int
	granted  int       // attempts that the plugin lets be open, less those that it let go for good
	urgent   time.Time // when the last urgent attempt came
	bulkOpen int       // bulk ones of open
	pace     pace
	limiter  *limit.GCRA
	gates    gates
	adaptive adaptive
	paused   time.Time // until when the provider wants to be left alone
	breaker  breaker
	rested   []*Attempt // taken out since the breaker opened, not yet given back
	lease    time.Time  // until when this node surely is a member of its group; zero: for ever
	// shareless: no shard of this node's, so nothing to send.
	shareless bool
	share     float64 // of the account's rate
	halts     func(*Attempt, time.Time) bool
	assigned  float64 // the last one that SetShare was given
	token     uint64
	strange   bool // the plugin has answered what it was never given, and that was said
	closed    bool
}

// About is what a plugin has declared, as the engine needs it.
type About struct {
	Name, Version, AddressKind string
	Idempotent                 bool
	Lifetime, Deadline         time.Duration
	MaxBatch                   int
	// UrgentStream: it takes a stream of its own for urgent attempts.
	UrgentStream bool
}

// Observer is told what the metrics count. Its methods are called per batch.
type Observer interface {
	Waited(d time.Duration)
	Answered(r Result, took time.Duration)
	// Limited: a limit has sent one back.
	Limited(limit.Dimension)
	Late()
	// Breaker is told of each change of the account's health.
	Breaker(h Health)
}

// New makes a lane. Run makes it move.
func New(cfg Config, plugin Channel, o Observer, log zerolog.Logger, now time.Time) *Lane {
	l := &Lane{
		cfg: cfg, plugin: plugin, observe: o,
		log:  log.With().Str("channel", cfg.Channel).Str("account", cfg.Account).Logger(),
		wake: make(chan struct{}, 1), open: map[uint64]*Attempt{},
		gates: newGates(cfg.Limits, now), share: 1,
		breaker: newBreaker(cfg.Breaker),
	}
	rate, burst := l.inForce(now)
	l.limiter = limit.NewGCRA(rate, burst, now)
	return l
}

// Name returns the channel's and the account's name.
func (l *Lane) Name() (channel, account string) { return l.cfg.Channel, l.cfg.Account }

// About returns what the plugin declared, or nil until it first did.
func (l *Lane) About() *About { return l.about.Load() }

// SetShards is SetShare by the shards that the node owns, of so many: rates that are
// too small to split go by which they are.
func (l *Lane) SetShards(owned []int32, of int) {
	own := make([]bool, of)
	for _, id := range owned {
		own[id] = true
	}
	l.mu.Lock()
	l.gates.own = own
	l.mu.Unlock()
	l.SetShare(float64(len(owned)) / float64(of))
}

// SetShare splits the account's rate and limits: this node may use the given part
// of them; with 0 it sends nothing. With more than before, it begins without a
// burst: others may have used theirs. A pause goes on.
func (l *Lane) SetShare(share float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fault.Mutant(fault.WholeRateEach) {
		share = 1
	}
	if before := l.share; before > 0 && share > 0 {
		l.adaptive.split(share / before)
	}
	l.shareless = share == 0
	if !l.shareless { // with none, the parts of the last one are kept
		l.share = share
		now, more := time.Now(), share > l.assigned
		l.setRate(now)
		if more {
			l.limiter.Empty(now)
		}
		l.gates.setShare(share, more, now)
	}
	l.assigned = share
	l.signal()
}

// Push hands attempts over. Their results follow, each exactly once.
func (l *Lane) Push(attempts []*Attempt) {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		for _, a := range attempts {
			l.queue.push(a)
		}
		if l.queue.urgent.Len() > 0 {
			l.urgent = time.Now()
		}
	}
	l.mu.Unlock()
	if closed {
		giveBack(attempts, Returned)
		return
	}
	l.signal()
}

// Depth returns how many attempts wait, by priority, and how many are open at
// the plugin.
func (l *Lane) Depth() (urgent, bulk, open int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.urgent.Len(), l.queue.bulk.Len(), len(l.open)
}

// Limited returns how many of those that wait are kept by a limit, by its
// dimension.
func (l *Lane) Limited() (n [limit.Dimensions]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.urgent.limited(&n)
	l.queue.bulk.limited(&n)
	return n
}

// Ahead returns how many more attempts of a priority the lane can begin soon: as
// many as its rate has in a second, less those that wait already. Who announces
// attempts before they begin announces no more than that, since all of them are
// in doubt if the node dies.
func (l *Lane) Ahead(bulk bool) int {
	about := l.About()
	if about == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	most, waiting := unlimitedAhead*about.MaxBatch, l.queue.urgent.Len()
	if rate, _ := l.inForce(time.Now()); rate > 0 {
		most = max(1, int(rate))
	}
	if bulk {
		waiting = l.queue.len()
	}
	return max(0, most-waiting)
}

// unlimitedAhead is how many batches a lane without a rate may have waiting.
const unlimitedAhead = 8

// Withdraw takes back what waits for an owner and is not at the plugin; its
// results are Returned. An owner that stops calls it.
func (l *Lane) Withdraw(o Owner) {
	if fault.Mutant(fault.WithdrawNothing) {
		return
	}
	l.mu.Lock()
	back := l.queue.remove(func(a *Attempt) bool { return a.Owner == o })
	l.mu.Unlock()
	giveBack(back, Returned)
}

// Recall takes back what waits for an owner, is not at the plugin, and matches;
// its results are Returned, and the owner considers them anew. match must leave
// the lane alone.
func (l *Lane) Recall(o Owner, match func(*Attempt) bool) {
	if fault.Mutant(fault.LaneNotRecalled) {
		return
	}
	l.mu.Lock()
	back := l.queue.remove(func(a *Attempt) bool { return a.Owner == o && match(a) })
	l.mu.Unlock()
	giveBack(back, Returned)
}

// Halt has what matches Returned instead of begun, from here on, until it is given
// something else; nil is nothing. So a lane goes by what is canceled and paused
// before its owners have taken anything back. match is called from the lane's
// goroutine, and must leave the lane alone.
func (l *Lane) Halt(match func(a *Attempt, now time.Time) bool) {
	l.mu.Lock()
	l.halts = match
	l.mu.Unlock()
}

// AtPlugin calls each with an owner's attempts that are at the plugin. each must
// leave the lane alone.
func (l *Lane) AtPlugin(o Owner, each func(*Attempt)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.open {
		if a.Owner == o {
			each(a)
		}
	}
}

// Lease lets no attempt begin after until: past it another node may own what
// waits here. A node that was frozen and wakes up must not go on where it was.
func (l *Lane) Lease(until time.Time) {
	l.mu.Lock()
	l.lease = until
	l.mu.Unlock()
	l.signal()
}

// Pause lets no attempt begin before until: a provider's Retry-After.
func (l *Lane) Pause(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.paused) {
		l.paused = until
	}
}

func (l *Lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// giveBack tells each owner of its attempts.
func giveBack(attempts []*Attempt, o Outcome) {
	results := make([]Result, len(attempts))
	for i, a := range attempts {
		results[i] = Result{Attempt: a, Outcome: o}
	}
	distribute(results)
}

// distribute gives each run of results with one owner to that owner.
func distribute(results []Result) {
	for len(results) > 0 {
		n := 1
		for n < len(results) && results[n].Owner == results[0].Owner {
			n++
		}
		results[0].Owner.Results(results[:n])
		results = results[n:]
	}
}
