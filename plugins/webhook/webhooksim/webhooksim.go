// Package webhooksim is a receiver of webhooks that does as it is told: it
// verifies signatures, keeps what arrived, and fails on demand.
package webhooksim

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Options are a receiver's settings. The zero value takes everything.
type Options struct {
	// Keys are Standard Webhooks keys, whsec_… or whpk_…. A request must carry
	// a signature by one of them; where there are none, nothing is verified.
	Keys []string
	// Keep bounds the messages that Received returns. 0 stands for 1,000.
	Keep int
	// Taken, where set, is given the body of every message, which is its own until
	// it returns, and the message is answered with 204 and no more: it is not
	// verified, kept, or failed. It is called by several goroutines, and is for
	// benchmarks of senders.
	Taken func(body []byte)
	// Most is how many requests of each path are taken within any second; those
	// beyond are answered 429, without a Retry-After. Seen is told of each, by several
	// goroutines. Nothing is verified, kept, or failed then. 0 is no limit.
	Most int
	Seen func(Request)
}

// Message is one request that arrived.
type Message struct {
	ID       string          `json:"id"`
	At       time.Time       `json:"at"`
	Path     string          `json:"path"`
	Verified bool            `json:"verified"`
	Status   int             `json:"status"` // what was answered; 0 is nothing
	Headers  [][2]string     `json:"headers"`
	Body     json.RawMessage `json:"body"` // null where it was no JSON
	Raw      []byte          `json:"-"`
}

// Fault is a way to treat requests.
type Fault struct {
	// Status is answered; 0 stands for 204.
	Status     int
	RetryAfter string
	Location   string
	// Headers are added to the answer.
	Headers map[string]string
	// Body is the answer's. It may be longer than a sender likes.
	Body []byte
	// Delay is how long the answer takes.
	Delay time.Duration
	// Drop hangs up after the request was read, without an answer.
	Drop bool
	// Times is how many requests are treated so; 0 is all that follow.
	Times int
}

// Counts sums up what arrived since the start.
type Counts struct {
	// Received counts requests; Duplicates those with a webhook-id that was
	// answered with 2xx before, among the last million; Unverified those
	// without a good signature.
	Received, Duplicates, Unverified int
}

// Server is a running receiver. Its methods may be called from any goroutine.
type Server struct {
	http     fasthttp.Server
	listener net.Listener
	verify   verifier
	keep     int
	taker    func(body []byte) // Options.Taken
	most     *most             // nil: no limit
	seen     func(Request)
	closed   chan struct{}
	served   chan error

	mu     sync.Mutex
	ring   []Message // a ring once it is full; next is the oldest then
	next   int
	fault  Fault
	counts Counts
	// Ids that were answered with 2xx, in two generations.
	taken, takenBefore map[string]struct{}
}

// Start runs a receiver on a TCP address ("127.0.0.1:0"). Every path takes
// POST, and one that ends in /status/410 answers with that status, where it is one
// from 200 on; GET on any path answers the received messages as a JSON list.
func Start(addr string, o Options) (*Server, error) {
	verify, err := newVerifier(o.Keys)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	s := &Server{
		listener: listener, verify: verify, keep: o.Keep, taker: o.Taken,
		closed: make(chan struct{}), served: make(chan error, 1), taken: map[string]struct{}{},
	}
	if o.Most > 0 {
		s.most, s.seen = &most{n: o.Most, last: map[string]*ring{}}, o.Seen
	}
	if s.keep <= 0 {
		s.keep = 1000
	}
	s.http = fasthttp.Server{Handler: s.handle, Name: "webhooksim", CloseOnShutdown: true, NoDefaultDate: true}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// URL returns the receiver's address, "http://127.0.0.1:41234/hook".
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/hook" }

// Close stops the receiver; requests that are under way are cut off after a
// second.
func (s *Server) Close() error {
	close(s.closed)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.ShutdownWithContext(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("stop the webhook receiver: %w", err)
	}
	return <-s.served
}

// Fail treats the requests that follow by f, in place of what was set before.
// The zero Fault ends all faults.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Received returns the messages that are kept, oldest first.
func (s *Server) Received() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(append([]Message{}, s.ring[s.next:]...), s.ring[:s.next]...)
}

// Counts sums up what arrived.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	if ctx.IsGet() {
		ctx.SetContentType("application/json")
		if err := json.NewEncoder(ctx).Encode(s.Received()); err != nil {
			ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
		}
		return
	}
	if s.taker != nil {
		s.taker(ctx.PostBody())
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return
	}
	if s.most != nil {
		s.limit(ctx)
		return
	}
	m := read(ctx)
	m.Verified = s.verify.ok(m)
	f := s.take(&m)
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-s.closed:
		}
	}
	if f.Drop {
		_ = ctx.Conn().Close()
		return
	}
	ctx.SetStatusCode(m.Status)
	ctx.SetBody(f.Body)
	for name, value := range f.Headers {
		ctx.Response.Header.Set(name, value)
	}
	if f.RetryAfter != "" {
		ctx.Response.Header.Set("Retry-After", f.RetryAfter)
	}
	if f.Location != "" {
		ctx.Response.Header.Set("Location", f.Location)
	}
}

// limit takes the request, unless there were too many.
func (s *Server) limit(ctx *fasthttp.RequestCtx) {
	r := Request{ID: string(ctx.Request.Header.Peek("webhook-id")), Path: string(ctx.Path()), At: time.Now()}
	r.Taken = s.most.take(r.Path, r.At)
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	if !r.Taken {
		ctx.SetStatusCode(fasthttp.StatusTooManyRequests)
	}
	if s.seen != nil {
		s.seen(r)
	}
}

func read(ctx *fasthttp.RequestCtx) Message {
	m := Message{
		ID: string(ctx.Request.Header.Peek("webhook-id")), At: time.Now(), Path: string(ctx.Path()),
		Raw: append([]byte(nil), ctx.PostBody()...),
	}
	if json.Valid(m.Raw) {
		m.Body = m.Raw
	}
	for name, value := range ctx.Request.Header.All() {
		m.Headers = append(m.Headers, [2]string{strings.ToLower(string(name)), string(value)})
	}
	return m
}

// take decides on the answer and keeps the message.
func (s *Server) take(m *Message) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fault
	if f.Times == 1 {
		s.fault = Fault{}
	} else if f.Times > 1 {
		s.fault.Times--
	}
	m.Status = f.Status
	if m.Status == 0 {
		m.Status = statusOf(m.Path)
	}
	switch {
	case f.Drop:
		m.Status = 0
	case !m.Verified:
		m.Status = fasthttp.StatusUnauthorized
	case m.Status == 0:
		m.Status = fasthttp.StatusNoContent
	}
	s.count(m)
	if len(s.ring) < s.keep {
		s.ring = append(s.ring, *m)
	} else {
		s.ring[s.next] = *m
		s.next = (s.next + 1) % s.keep
	}
	return f
}

// statusOf returns the status that a path asks for, 0 where it asks for none.
func statusOf(path string) int {
	_, asked, _ := strings.Cut(path, "/status/")
	if n, err := strconv.Atoi(asked); err == nil && n >= 200 && n <= 599 {
		return n
	}
	return 0
}

// remembered is how many ids at least are known for duplicates.
const remembered = 1 << 20

func (s *Server) count(m *Message) {
	s.counts.Received++
	if !m.Verified {
		s.counts.Unverified++
	}
	_, known := s.taken[m.ID]
	_, knownBefore := s.takenBefore[m.ID]
	if m.ID != "" && (known || knownBefore) {
		s.counts.Duplicates++
	}
	if m.Status < 200 || m.Status > 299 {
		return
	}
	if len(s.taken) == remembered {
		s.taken, s.takenBefore = map[string]struct{}{}, s.taken
	}
	s.taken[m.ID] = struct{}{}
}
