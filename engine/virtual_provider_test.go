package engine_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/carillonhq/carillon/engine/host"
	"github.com/carillonhq/carillon/engine/lane"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// providers are the other end of all channels: what reached them, from any
// node, in the order of its arrival.
type providers struct {
	seed uint64

	mu       sync.Mutex
	attempts []*attempt
	known    map[string]bool // keys that a keyed provider remembers
}

// attempt is one attempt as its provider saw it. An attempt that got lost
// before it arrived is none.
type attempt struct {
	channel, id, key, process string
	at                        time.Time
	delivered                 bool // the recipient has the message, by this attempt
	answered                  bool // and the process was told how it ended
	verdict                   channelv1.Verdict
}

// channelKind is what a channel's provider does, and how the engine is told to
// treat it.
type channelKind struct {
	name  string
	keyed bool // the provider does nothing twice for one key
	hold  bool
	rate  int64 // attempts a second, 0 for no limit
	burst int
}

var channelKinds = []channelKind{
	{name: "plain", rate: 20, burst: 5}, // sent again where an answer is lost: doubles are possible
	{name: "keyed", keyed: true},
	{name: "held", hold: true},
}

const (
	deadline = 5 * time.Second // of an attempt, as the channels declare it
	transit  = 20 * time.Millisecond
)

// fate is what the provider does with an attempt.
type fate struct {
	verdict   channelv1.Verdict
	delivers  bool
	silent    bool // no answer ever
	latency   time.Duration
	after     time.Duration
	lostOnWay bool // if the process ends while it is on its way
}

// draw decides by what the attempt is, and not by when it comes: the order in
// which goroutines run changes nothing.
func (p *providers) draw(process string, a *channelv1.Attempt) fate {
	x := dice(p.seed, process, a.Key, a.Attempt)
	f := fate{latency: time.Duration(20+x.IntN(400)) * time.Millisecond, lostOnWay: x.IntN(2) == 0}
	switch roll := x.IntN(1000); {
	case roll < 880:
		f.verdict, f.delivers = channelv1.Verdict_VERDICT_ACCEPTED, true
	case roll < 910:
		f.verdict = channelv1.Verdict_VERDICT_FAILED
	case roll < 930:
		f.verdict, f.after = channelv1.Verdict_VERDICT_THROTTLED, time.Duration(x.IntN(3000))*time.Millisecond
	case roll < 940:
		f.verdict = channelv1.Verdict_VERDICT_REJECTED
	case roll < 950:
		f.verdict, f.delivers = channelv1.Verdict_VERDICT_UNKNOWN, x.IntN(2) == 0
	case roll < 975:
		f.silent, f.delivers = true, x.IntN(2) == 0
	default: // slow, and in time
		f.verdict, f.delivers = channelv1.Verdict_VERDICT_ACCEPTED, true
		f.latency += time.Duration(x.IntN(4000)) * time.Millisecond
	}
	return f
}

// dice are numbers that follow from the seed and from what they are for.
func dice(seed uint64, about ...any) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, about...)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// arrive notes an attempt. A provider that knows the key answers as it did, and
// delivers nothing.
func (p *providers) arrive(k channelKind, process string, a *channelv1.Attempt, f fate) *attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := &attempt{channel: k.name, id: a.Id, key: a.Key, process: process, at: time.Now(), delivered: f.delivers, verdict: f.verdict}
	if k.keyed && f.delivers {
		seen.delivered = !p.known[a.Key]
		p.known[a.Key] = true
	}
	p.attempts = append(p.attempts, seen)
	return seen
}

func (p *providers) answered(a *attempt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.answered = true
}

// fakeChannel is one process's plugin of one channel. It implements channel.
type fakeChannel struct {
	way     channelKind
	process string
	world   *providers
	ready   chan struct{}

	mu      sync.Mutex
	up      chan struct{} // closed while the plugin is up
	streams []*fakeStream
}

func newFakeChannel(k channelKind, process string, world *providers) *fakeChannel {
	c := &fakeChannel{way: k, process: process, world: world, ready: make(chan struct{}), up: make(chan struct{})}
	close(c.ready)
	close(c.up)
	return c
}

func (c *fakeChannel) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (c *fakeChannel) Ready() <-chan struct{}        { return c.ready }
func (c *fakeChannel) State() host.State             { return host.State{Name: c.way.name, Up: true} }

func (c *fakeChannel) Describe(context.Context) (*channelv1.DescribeResponse, error) {
	return &channelv1.DescribeResponse{
		Name: c.way.name, AddressKind: "recipient", MaxBatch: 8, DeadlineMs: deadline.Milliseconds(), Idempotent: c.way.keyed, UrgentStream: true,
	}, nil
}

func (c *fakeChannel) Deliver(ctx context.Context, _ string, urgent bool) (lane.Stream, error) {
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, end := context.WithCancel(ctx)
	s := &fakeStream{ctx: ctx, end: end, channel: c, out: make(chan *channelv1.DeliverResponse, 64)}
	if !urgent {
		s.out <- &channelv1.DeliverResponse{Credits: 32}
	}
	c.mu.Lock()
	c.streams = append(c.streams, s)
	c.mu.Unlock()
	return s, nil
}

// crash ends the plugin's streams; new ones are had from back on.
func (c *fakeChannel) crash() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		s.end()
	}
	c.streams, c.up = nil, make(chan struct{})
}

func (c *fakeChannel) back() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.up)
}

// fakeStream implements lane.Stream.
type fakeStream struct {
	grpc.ClientStream
	ctx     context.Context
	end     context.CancelFunc
	channel *fakeChannel
	out     chan *channelv1.DeliverResponse
}

var errStream = errors.New("the plugin crashed")

func (s *fakeStream) CloseSend() error { return nil }

func (s *fakeStream) Send(r *channelv1.DeliverRequest) error {
	if s.ctx.Err() != nil {
		return errStream
	}
	for _, a := range proto.Clone(r).(*channelv1.DeliverRequest).Attempts { // the lane uses its memory again
		f := s.channel.world.draw(s.channel.process, a)
		time.AfterFunc(transit, func() { s.attempt(a, f) })
	}
	return nil
}

// attempt is at the provider. An attempt outlives the process that made it.
func (s *fakeStream) attempt(a *channelv1.Attempt, f fate) {
	if f.lostOnWay && s.ctx.Err() != nil {
		return
	}
	seen := s.channel.world.arrive(s.channel.way, s.channel.process, a, f)
	if f.silent {
		time.AfterFunc(deadline, func() { s.answer(&channelv1.DeliverResponse{Credits: 1}) })
		return
	}
	result := &channelv1.Result{Token: a.Token, Verdict: f.verdict, RetryAfterMs: f.after.Milliseconds(), Class: channelv1.Class_CLASS_MESSAGE}
	time.AfterFunc(f.latency, func() {
		if s.answer(&channelv1.DeliverResponse{Credits: 1, Results: []*channelv1.Result{result}}) {
			s.channel.world.answered(seen)
		}
	})
}

func (s *fakeStream) answer(r *channelv1.DeliverResponse) bool {
	select {
	case s.out <- r:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *fakeStream) Recv() (*channelv1.DeliverResponse, error) {
	select {
	case r := <-s.out:
		return r, nil
	case <-s.ctx.Done():
		return nil, errStream
	}
}
