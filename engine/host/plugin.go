package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// ErrStopped is returned for a plugin whose Run has ended.
var ErrStopped = errors.New("the plugin is stopped")

// Plugin is one supervised plugin process. Its methods may be called from any
// goroutine.
type Plugin struct {
	spec  Spec
	cfg   Config
	log   zerolog.Logger
	ready chan struct{} // closed by the first up

	mu      sync.Mutex
	state   State
	about   *channelv1.DescribeResponse // of the last start
	current *session                    // nil while down
	changed chan struct{}               // closed and replaced when one of these changes
	ended   bool                        // Run has returned
}

// New prepares a plugin. Run starts it.
func New(spec Spec, cfg Config, log zerolog.Logger) *Plugin {
	return &Plugin{
		spec: spec, cfg: cfg.withDefaults(), log: log.With().Str("plugin", spec.Name).Logger(),
		ready: make(chan struct{}), changed: make(chan struct{}),
		state: State{Name: spec.Name, Path: spec.shownPath(), Since: time.Now()},
	}
}

// Ready is closed when the plugin became ready for the first time.
func (p *Plugin) Ready() <-chan struct{} { return p.ready }

// Describe returns what the plugin said of itself at its last start, and waits
// for the first. The answer is shared: do not change it.
func (p *Plugin) Describe(ctx context.Context) (*channelv1.DescribeResponse, error) {
	var about *channelv1.DescribeResponse
	err := p.await(ctx, func() bool {
		about = p.about
		return about != nil
	})
	return about, err
}

// Deliver waits until the plugin is up and opens a stream to the account: the
// first one, or the one for urgent attempts beside it. The stream ends with ctx, and breaks when the process does: its open attempts are
// unknown then. Receive until the error, or the stream counts as open.
func (p *Plugin) Deliver(ctx context.Context, account string, urgent bool) (Stream, error) {
	if !slices.ContainsFunc(p.spec.Accounts, func(a Account) bool { return a.Name == account }) {
		return nil, p.spec.errorf("has no account %q; add it at channels.%s.accounts", account, p.spec.Name)
	}
	for {
		s, err := p.join(ctx)
		if err != nil {
			return nil, err
		}
		stream, err := s.deliver(ctx, account, urgent)
		if err == nil {
			context.AfterFunc(stream.Context(), s.streams.Done)
			return stream, nil
		}
		s.streams.Done()
		if code := status.Code(err); ctx.Err() != nil || code != codes.Unavailable && code != codes.Canceled {
			return nil, p.spec.errorf("open a stream to account %q: %w", account, err)
		}
		// The process has just died, or a health check is about to find it
		// hanging: the next one will do.
		if err := p.await(ctx, func() bool { return p.current != s }); err != nil {
			return nil, err
		}
	}
}

// join waits for a session and counts a stream on it.
func (p *Plugin) join(ctx context.Context) (*session, error) {
	var s *session
	err := p.await(ctx, func() bool {
		if s = p.current; s != nil {
			s.streams.Add(1)
		}
		return s != nil
	})
	return s, err
}

func (s *session) deliver(ctx context.Context, account string, urgent bool) (Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := s.channel.Deliver(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	context.AfterFunc(stream.Context(), cancel)
	if err := stream.Send(&channelv1.DeliverRequest{Account: account, Urgent: urgent}); err != nil {
		_, err = stream.Recv() // of a broken stream, only Recv says why
		cancel()
		return nil, err
	}
	return stream, nil
}

// await waits until met, which is called under the lock.
func (p *Plugin) await(ctx context.Context, met func() bool) error {
	for {
		p.mu.Lock()
		ok, ended, last, changed := met(), p.ended, p.state.LastError, p.changed
		p.mu.Unlock()
		if ok {
			return nil
		}
		if ended {
			return p.spec.errorf("%w (%s)", ErrStopped, last)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (%s)", p.spec.label(), ctx.Err(), last)
		}
	}
}

// State returns what is known of the plugin now.
func (p *Plugin) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Health makes a gRPC health check. It does not wait for a plugin that is down.
func (p *Plugin) Health(ctx context.Context) error {
	p.mu.Lock()
	s, last := p.current, p.state.LastError
	p.mu.Unlock()
	if s == nil {
		return p.spec.errorf("is down (%s)", last)
	}
	if err := s.health(ctx); err != nil {
		return p.spec.errorf("health check: %s", s.reason(err))
	}
	return nil
}

// change alters the fields that mu guards and wakes all who wait.
func (p *Plugin) change(alter func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	alter()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Plugin) up(s *session) {
	p.change(func() {
		p.current, p.about = s, s.about
		p.state.Up, p.state.Since, p.state.Version = true, time.Now(), s.about.Version
		p.state.PID, _ = strconv.Atoi(s.proc.ID())
		if !p.wasReady() {
			close(p.ready)
		}
	})
}

func (p *Plugin) down() {
	p.change(func() {
		p.current = nil
		p.state.Up, p.state.PID, p.state.Since = false, 0, time.Now()
	})
}

func (p *Plugin) failed(err error) { p.change(func() { p.state.LastError = err.Error() }) }
func (p *Plugin) countRestart()    { p.change(func() { p.state.Restarts++ }) }
func (p *Plugin) end()             { p.change(func() { p.ended = true }) }

func (p *Plugin) wasReady() bool {
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}
