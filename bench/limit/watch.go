package limit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/rig"
)

const (
	// every is how often the broker is asked how many records there are: often
	// enough for a short round, seldom enough to cost it nothing.
	every = 10 * time.Millisecond
	// sampled is how often the meter reads; only its ends are of interest here.
	sampled = time.Second
)

// watch measures until a topic has all records. What it has before that is not
// counted: it was done before the clock began. If that is most of all, the clock
// is the one that began with launched, since a rate of the rest says nothing.
func (r *run) watch(ctx context.Context, p *process.Process, watched []rig.Watched, topic string, launched time.Time) (t turn, err error) {
	before, err := r.rig.Written(ctx, topic)
	if err != nil {
		return t, err
	}
	meter, err := rig.Measure(sampled, watched)
	if err != nil {
		return t, err
	}
	after := 0
	err = await(ctx, p, every, func() (bool, error) {
		var err error
		after, err = r.rig.Written(ctx, topic)
		return after >= r.sends.Len(), err
	})
	all := time.Since(launched)
	m := meter.Stop()
	if err := errors.Join(err, m.Check()); err != nil {
		return t, err
	}
	t = turn{sends: float64(after - before), took: m.Elapsed, use: m.Roles}
	if before > after/2 {
		t.sends, t.took, t.started = float64(after), all, true
		for role, use := range t.use {
			if role != "broker" { // that was there before
				use.CPU += use.Before
				t.use[role] = use
			}
		}
	}
	return t, nil
}

// timed measures until a yardstick tells how long it took.
func (r *run) timed(ctx context.Context, p *process.Process, watched []rig.Watched, clock string) (t turn, err error) {
	meter, err := rig.Measure(sampled, watched)
	if err != nil {
		return t, err
	}
	err = await(ctx, p, every, func() (bool, error) {
		_, t.took = readClock(clock)
		return t.took > 0, nil
	})
	m := meter.Stop()
	if err := errors.Join(err, m.Check()); err != nil {
		return t, err
	}
	t.sends, t.use = float64(r.sends.Len()), m.Roles
	return t, nil
}

// await asks every so often until the answer is yes. The process must not end
// before that.
func await(ctx context.Context, p *process.Process, every time.Duration, ask func() (bool, error)) error {
	poll := time.NewTicker(every)
	defer poll.Stop()
	for {
		ended := !p.Running()
		switch ok, err := ask(); {
		case ok || err != nil:
			return err
		case ended:
			return fmt.Errorf("its process ended too early (%v)", p.State())
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// exactly says whether a topic has every record once.
func (r *run) exactly(ctx context.Context, topic string) error {
	n, err := r.rig.Written(ctx, topic)
	if err == nil && n != r.sends.Len() {
		err = fmt.Errorf("%d records came out, and %d were there", n, r.sends.Len())
	}
	return err
}
