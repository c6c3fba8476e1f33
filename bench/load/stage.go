package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/carillonhq/carillon/bench/report"
	"github.com/carillonhq/carillon/bench/rig"
	"github.com/carillonhq/carillon/bench/tally"
	"github.com/carillonhq/carillon/bench/workload"
)

// stage is a broker, with topics of the run's own.
type stage struct {
	Config
	rig   *rig.Rig
	every time.Duration // it is sampled
}

// open starts the broker and makes the topics. changes are made to the
// configuration of every node.
func open(ctx context.Context, c Config, changes ...func(rig.Config)) (*stage, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Broker == rig.Embedded || c.Broker == rig.Kafka {
		c.say("starting the broker (%s) in %s", c.Broker, c.Dir)
	} else {
		c.say("on the broker at %s; data and logs are in %s", c.Broker, c.Dir)
	}
	r, err := rig.Open(ctx, rig.Options{Dir: c.Dir, Command: c.Command, Broker: c.Broker, Partitions: c.Partitions, Changes: changes})
	if err != nil {
		return nil, err
	}
	return &stage{Config: c, rig: r, every: sampled}, nil
}

func (s *stage) close() error { return s.rig.Close() }

// publish puts all records on their topic.
func (s *stage) publish(ctx context.Context, records workload.Records) error {
	progress := report.NewProgress(s.Progress, "published", int64(records.Len()))
	defer progress.End()
	return s.rig.Publish(ctx, records.Len(), records.Record, func(done int) { progress.Show(int64(done), 0) })
}

// check accounts for every send, once the nodes have stopped.
func (s *stage) check(ctx context.Context, d *rig.Round, records tally.Sends) (*tally.Verdict, error) {
	v, err := d.Account(ctx, records)
	if err != nil {
		return nil, err
	}
	return v, s.keep(d, v)
}

// keep writes all ids that are lost or doubled to a file, of which the report
// shows a few.
func (s *stage) keep(d *rig.Round, v *tally.Verdict) error {
	if len(v.Wrong) == 0 {
		return nil
	}
	path := filepath.Join(d.Dir, "wrong.txt")
	file, err := os.Create(path)
	if err == nil {
		err = errors.Join(v.WriteWrong(file), file.Close())
	}
	if err != nil {
		return fmt.Errorf("write down what is lost or doubled: %w", err)
	}
	v.Problems = append(v.Problems, "all ids of those are in "+path)
	return nil
}
