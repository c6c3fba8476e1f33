package host

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/carillonhq/carillon/engine/retry"
)

// Run starts the plugin, configures its accounts and supervises it until ctx
// ends; then open streams have Config.DrainTimeout, the process group is ended
// and Run returns nil. Call it once.
//
// A plugin that dies, hangs or can't start is started again after a backoff.
// Only before it was ready for the first time, what no restart can mend ends
// Run with a *FatalError.
func (p *Plugin) Run(ctx context.Context) error {
	defer p.end()
	failures := 0
	for {
		up, err := p.live(ctx)
		if ctx.Err() != nil {
			return nil
		}
		p.failed(err)
		var fatal *FatalError
		if errors.As(err, &fatal) && !p.wasReady() {
			return fatal
		}
		if up >= p.cfg.MaxBackoff {
			failures = 0
		}
		failures++
		wait := retry.Policy{Base: p.cfg.MinBackoff, Max: p.cfg.MaxBackoff}.Next(failures, 0, rand.Float64())
		p.log.Error().Err(err).Stringer("restart_in", wait.Round(time.Millisecond)).Int("failures", failures).Msg("plugin is down")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		p.countRestart()
	}
}

// live is one life of the process: it returns how long it was up and why it
// ended, which is nil where ctx did.
func (p *Plugin) live(ctx context.Context) (time.Duration, error) {
	s, err := start(ctx, p.spec, p.cfg.StartTimeout, p.log)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	began := time.Now()
	p.up(s)
	p.log.Info().Str("kind", s.about.Name).Str("version", s.about.Version).Str("pid", s.proc.ID()).Msg("plugin is up")
	err = p.watch(ctx, s)
	p.down()
	if err == nil {
		p.drain(s)
	}
	return time.Since(began), err
}

// watch returns when the process has ended, fails a health check (it is killed
// then, so that its streams break now) or ctx ends.
func (p *Plugin) watch(ctx context.Context, s *session) error {
	tick := time.NewTicker(p.cfg.HealthInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.proc.exited:
			how, _ := s.proc.ending()
			return p.spec.errorf("ended (%s)", how)
		case <-tick.C:
		}
		err := p.check(ctx, s)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.proc.kill()
			return err
		}
	}
}

func (p *Plugin) check(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.HealthTimeout)
	defer cancel()
	err := s.health(ctx)
	switch {
	case err == nil:
		return nil
	case status.Code(err) == codes.DeadlineExceeded:
		return p.spec.errorf("did not answer a health check within %s and was killed", p.cfg.HealthTimeout)
	}
	select {
	case <-s.proc.exited:
		how, _ := s.proc.ending()
		return p.spec.errorf("ended (%s)", how)
	case <-time.After(exitGrace):
		return p.spec.errorf("failed a health check and was killed: %s", s.reason(err))
	}
}

// drain lets the open streams end. No new ones come: the plugin is down.
func (p *Plugin) drain(s *session) {
	idle := make(chan struct{})
	go func() {
		s.streams.Wait() // ends at the latest when stop closes the connection
		close(idle)
	}()
	select {
	case <-idle:
	case <-s.proc.exited:
	case <-time.After(p.cfg.DrainTimeout):
		p.log.Warn().Stringer("after", p.cfg.DrainTimeout).Msg("plugin is stopped with streams open: their attempts are unknown")
	}
}
