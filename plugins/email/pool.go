package email

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pool keeps the account's sessions: never more than its settings allow, but
// for idle ones that say goodbye. The one used last is taken first, so that
// those that are not needed grow idle and end.
type pool struct {
	cfg   *config
	slots chan struct{} // holds one for each send under way

	mu     sync.Mutex
	idle   []*session
	closed bool
	ending sync.WaitGroup // sessions that say QUIT
}

func newPool(c *config) *pool {
	return &pool{cfg: c, slots: make(chan struct{}, c.Connections)}
}

// send makes one transaction, on an idle session or on a new one. An idle
// session that turns out to have been closed by the server is no attempt: the
// next one is taken, as long as none of the message was written.
func (p *pool) send(ctx context.Context, m *message) (reply, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return reply{}, failed(ended(ctx, "canceled"), ctx.Err())
	}
	for {
		s := p.take()
		used := s != nil
		if !used {
			var err error
			if s, err = dial(ctx, p.cfg); err != nil {
				<-p.slots
				return reply{}, err
			}
		}
		answer, begun, err := s.send(ctx, m)
		if stale := used && s.dead && !begun && ctx.Err() == nil; stale {
			s.quit()
			continue
		}
		p.put(s)
		return answer, err
	}
}

// take returns an idle session, or nil.
func (p *pool) take() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	last := len(p.idle) - 1
	s := p.idle[last]
	p.idle = p.idle[:last]
	s.idle.Stop() // where it has fired, expire finds the session gone
	return s
}

// put takes a session back, with its slot, and ends it where it has served its
// time. The slot is free when the server knows of the end: it may count.
func (p *pool) put(s *session) {
	worn := s.dead || p.cfg.MessagesPerConnection > 0 && s.sent >= p.cfg.MessagesPerConnection
	p.mu.Lock()
	defer p.mu.Unlock()
	if worn || p.closed {
		p.ending.Go(func() {
			s.quit()
			<-p.slots
		})
		return
	}
	s.idle = time.AfterFunc(time.Duration(p.cfg.Timeouts.Idle), func() { p.expire(s) })
	p.idle = append(p.idle, s)
	<-p.slots
}

func (p *pool) expire(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.idle, s); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
		p.ending.Go(s.quit)
	}
}

// close ends the idle sessions and waits for those that say QUIT. No send may
// run, and none may follow.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, s := range p.idle {
		s.idle.Stop()
		p.ending.Go(s.quit)
	}
	p.idle = nil
	p.mu.Unlock()
	p.ending.Wait()
}
