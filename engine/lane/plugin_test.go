package lane

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/carillonhq/carillon/engine/limit"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// plugin is a Channel in memory. serve is called with each stream; the stream
// breaks when it returns.
type plugin struct {
	maxBatch uint32
	split    bool // it takes a stream of their own for urgent attempts
	serve    func(*stream)
	declares float64 // attempts a second

	mu      sync.Mutex
	up      chan struct{} // closed while the plugin is up
	streams int
}

func newPlugin(maxBatch uint32, serve func(*stream)) *plugin {
	p := &plugin{maxBatch: maxBatch, serve: serve, up: make(chan struct{})}
	close(p.up)
	return p
}

func (p *plugin) Describe(context.Context) (*channelv1.DescribeResponse, error) {
	return &channelv1.DescribeResponse{Name: "fake", AddressKind: "phone", MaxBatch: p.maxBatch, DeadlineMs: 5000, UrgentStream: p.split, MaxPerSecond: p.declares}, nil
}

func (p *plugin) down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = make(chan struct{})
}

func (p *plugin) back() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.up)
}

func (p *plugin) Deliver(ctx context.Context, account string, urgent bool) (Stream, error) {
	p.mu.Lock()
	up := p.up
	p.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s := &stream{ctx: ctx, urgent: urgent, in: make(chan *channelv1.DeliverRequest), out: make(chan *channelv1.DeliverResponse), ended: make(chan struct{})}
	p.mu.Lock()
	p.streams++
	p.mu.Unlock()
	go func() {
		defer close(s.ended)
		p.serve(s)
	}()
	return s, nil
}

func (p *plugin) opened() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.streams
}

// all is room for all that waits.
func (s *shares) all() *room { return &room{urgent: s.urgent.Len(), bulk: s.bulk.Len()} }

// stream is one Deliver stream, seen from both ends.
type stream struct {
	grpc.ClientStream
	ctx    context.Context
	urgent bool
	in     chan *channelv1.DeliverRequest
	out    chan *channelv1.DeliverResponse
	ended  chan struct{}
}

var errBroken = errors.New("broken")

func (s *stream) CloseSend() error { return nil }

func (s *stream) Send(r *channelv1.DeliverRequest) error {
	select {
	case s.in <- proto.Clone(r).(*channelv1.DeliverRequest): // the lane uses its memory again
		return nil
	case <-s.ended:
	case <-s.ctx.Done():
	}
	return errBroken
}

func (s *stream) Recv() (*channelv1.DeliverResponse, error) {
	select {
	case r := <-s.out:
		return r, nil
	case <-s.ended:
	case <-s.ctx.Done():
	}
	return nil, errBroken
}

// next returns the next request; nil when the engine has gone.
func (s *stream) next() *channelv1.DeliverRequest {
	select {
	case r := <-s.in:
		return r
	case <-s.ctx.Done():
		return nil
	}
}

func (s *stream) answer(credits uint32, results ...*channelv1.Result) {
	select {
	case s.out <- &channelv1.DeliverResponse{Credits: credits, Results: results}:
	case <-s.ctx.Done():
	}
}

func accepted(token uint64) *channelv1.Result {
	return &channelv1.Result{Token: token, Verdict: channelv1.Verdict_VERDICT_ACCEPTED}
}

// acceptAll grants credits and accepts what comes, at once.
func acceptAll(credits uint32) func(*stream) {
	return func(s *stream) {
		s.answer(credits)
		for r := s.next(); r != nil; r = s.next() {
			var results []*channelv1.Result
			for _, a := range r.Attempts {
				results = append(results, accepted(a.Token))
			}
			s.answer(uint32(len(results)), results...)
		}
	}
}

// count grants credits, and counts what comes and answers none of it.
func count(credits uint32, seen *atomic.Int64) func(*stream) {
	return func(s *stream) {
		s.answer(credits)
		for r := s.next(); r != nil; r = s.next() {
			seen.Add(int64(len(r.Attempts)))
		}
	}
}

// owner counts the results of each attempt.
type owner struct {
	mu      sync.Mutex
	results map[*Attempt][]Outcome
	order   []string // send ids, as their results came
}

func newOwner() *owner { return &owner{results: map[*Attempt][]Outcome{}} }

func (o *owner) Results(results []Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range results {
		if r.Owner != Owner(o) {
			panic("the result is another owner's")
		}
		o.results[r.Attempt] = append(o.results[r.Attempt], r.Outcome)
		o.order = append(o.order, r.Send.Id)
	}
}

func (o *owner) count(outcome Outcome) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, all := range o.results {
		for _, one := range all {
			if one == outcome {
				n++
			}
		}
	}
	return n
}

// observer implements Observer.
type observer struct {
	mu             sync.Mutex
	late, answered int
}

func (o *observer) Waited(time.Duration)    {}
func (o *observer) Limited(limit.Dimension) {}
func (o *observer) Breaker(Health)          {}
func (o *observer) Late() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.late++
}
func (o *observer) Answered(_ Result, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answered++
	if took < 0 {
		panic("an attempt took less than no time")
	}
}

// rig is a lane that runs until stop.
type rig struct {
	*Lane
	observer *observer
	stop     func() // returns when Run has
}

func run(cfg Config, p Channel) *rig {
	r := &rig{observer: &observer{}}
	cfg.Channel, cfg.Account = "sms", "main"
	r.Lane = New(cfg, p, r.observer, zerolog.Nop(), time.Now())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
	return r
}

// attempts makes n attempts with the ids prefix0, prefix1, …
func attempts(o Owner, prefix string, n int) []*Attempt {
	var all []*Attempt
	for i := range n {
		all = append(all, &Attempt{Send: &carillonv1.Send{Id: fmt.Sprint(prefix, i), To: &carillonv1.Recipient{Id: "u"}}, Owner: o, Number: 1})
	}
	return all
}

func bulk(all []*Attempt) []*Attempt {
	for _, a := range all {
		a.Bulk = true
	}
	return all
}

func checkOnce(t *testing.T, o *owner, pushed []*Attempt) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range pushed {
		if n := len(o.results[a]); n != 1 {
			t.Errorf("%s has %d results: %v", a.Send.Id, n, o.results[a])
		}
	}
	if len(o.results) != len(pushed) {
		t.Errorf("results of %d attempts, %d were pushed", len(o.results), len(pushed))
	}
}
