package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/rig/rigtest"
	"github.com/carillonhq/carillon/bench/workload"
)

// stage is a broker that has the sends, all of them before the first round.
type stage struct {
	rig   *rig.Rig
	sends workload.Records
}

func newStage(t testing.TB, n int) *stage {
	t.Helper()
	ctx := t.Context()
	r, err := rig.Open(ctx, rig.Options{Dir: t.TempDir(), Command: rigtest.Command(t), Broker: rigtest.Broker})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	w := workload.Default()
	w.Sends = n
	s := &stage{r, w.Records(r.Topic(w.Topic), "send")}
	if err := r.Publish(ctx, n, s.sends.Record, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// figures are what a round of one node showed.
type figures struct {
	rate    float64       // sends a second
	cpu     time.Duration // of the engine
	commits float64
}

// round has a node send everything, and accounts for it. The node is stopped.
func (s *stage) round(ctx context.Context, change func(rig.Config)) (f figures, n *rig.Node, err error) {
	d, err := s.rig.Begin(ctx)
	if err != nil {
		return f, nil, err
	}
	n, err = d.Start(ctx, "node", change)
	if err == nil {
		f, err = s.measure(ctx, d)
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return f, n, err
	}
	v, err := d.Account(ctx, s.sends)
	if err == nil && len(v.Problems) > 0 {
		err = errors.New(strings.Join(v.Problems, "; "))
	}
	return f, n, err
}

// measure returns when all sends have ended.
func (s *stage) measure(ctx context.Context, d *rig.Round) (f figures, err error) {
	processes, err := d.Processes()
	if err != nil {
		return f, err
	}
	before, err := s.rig.Written(ctx, s.rig.Topic("status"))
	if err != nil {
		return f, err
	}
	meter, err := rig.Measure(time.Second, processes)
	if err != nil {
		return f, err
	}
	ended, err := s.await(ctx)
	measured := meter.Stop()
	if err := errors.Join(err, measured.Check()); err != nil {
		return f, err
	}
	said, err := d.Nodes[0].Metrics(ctx)
	return figures{
		rate: float64(ended-before) / measured.Elapsed.Seconds(),
		cpu:  measured.Roles["engine"].CPU, commits: said.Sum("carillon_commits_total"),
	}, err
}

// await asks the broker, which costs it less than to be read by one more client.
func (s *stage) await(ctx context.Context) (ended int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		ended, err = s.rig.Written(ctx, s.rig.Topic("status"))
		if err != nil || ended >= s.sends.Len() {
			return ended, err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ended, fmt.Errorf("%d of %d sends have ended: %w", ended, s.sends.Len(), ctx.Err())
		}
	}
}
