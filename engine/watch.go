package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/limit"
)

// watchInterval is how often what has no event of its own is looked at.
const watchInterval = 2 * time.Second

// startWatch sets watch going, and returns what ends it: it asks Kafka, and must
// not do so once the connections are closed.
func (e *Engine) startWatch(ctx context.Context) func() error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { e.watch(ctx) })
	return func() error {
		cancel()
		running.Wait()
		return nil
	}
}

// watch keeps the gauges up to date until ctx ends.
func (e *Engine) watch(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	restarts := map[string]int{}
	for turn := 1; ; turn++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		e.watchPlugins(restarts)
		e.watchDisk()
		if turn%topicsEvery == 0 {
			e.watchTopics(ctx)
		}
		e.lanes.each(e.watchLane)
		n, _ := e.out.Unacknowledged()
		e.metrics.Unacknowledged.Set(float64(n))
		e.watchParked()
		if err := e.watchLag(ctx); err != nil && ctx.Err() == nil {
			e.log.Debug().Err(err).Msg("the lag can't be measured")
		}
	}
}

// topicsEvery is how many intervals pass between two looks at the topics.
const topicsEvery = 15

// watchTopics tells of topics that are no longer as they must be: with more
// partitions than before, recipients move to other shards, and producers write
// where nobody reads. A start would be refused.
func (e *Engine) watchTopics(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := CheckTopics(ctx, e.client, e.cfg)
	var wrong *TopicsError
	if !errors.As(err, &wrong) {
		if err == nil {
			e.health.set("topics", nil)
		}
		return // a cluster that can't be asked is told of elsewhere
	}
	e.health.set("topics", err)
	e.log.Error().Err(err).Msg("the topics are not as they must be")
}

// watchDisk pauses the shards while the disk has too little room: Pebble can't go
// on after a write that failed. Their keepers let them go on.
func (e *Engine) watchDisk() {
	free, low, err := e.ledger.Free()
	if err == nil && low {
		err = fmt.Errorf("%s has %d MiB left, and data_min_free is %d MiB: sending is paused until there is more room",
			e.cfg.Data, free>>20, e.cfg.DataMinFree>>20)
	}
	e.health.set("disk", err)
	if e.diskLow.Swap(low) == low {
		return
	}
	if !low {
		e.log.Info().Uint64("free_bytes", free).Msg("the disk has room again; going on")
	}
	if low {
		e.log.Error().Err(err).Msg("the disk is nearly full")
		for _, s := range e.owned.all() {
			s.Pause()
		}
	}
}

func (e *Engine) watchPlugins(restarts map[string]int) {
	for name, p := range e.plugins {
		st := p.State()
		up := 0.0
		if st.Up {
			up = 1
		}
		e.metrics.PluginUp(name).Set(up)
		e.metrics.PluginRestarts(name).Add(float64(st.Restarts - restarts[name]))
		restarts[name] = st.Restarts
	}
}

func (e *Engine) watchLane(l *lane.Lane) {
	urgent, bulk, open := l.Depth()
	series := e.metrics.Lane(l.Name())
	series.UrgentDepth.Set(float64(urgent))
	series.BulkDepth.Set(float64(bulk))
	series.Open.Set(float64(open))
	p := l.Pacing(time.Now())
	series.Rate.Set(p.Rate)
	series.PausedUntil.Set(max(0, float64(p.PausedUntil.Unix())))
	channel, account := l.Name()
	for d, n := range l.Limited() {
		if d := limit.Dimension(d); d != limit.Account {
			e.metrics.LaneLimited(channel, account, d.String()).Set(float64(n))
		}
	}
}

// watchLag compares the end of every owned input with what is finished.
func (e *Engine) watchLag(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var parts []kafka.Partition
	shards := e.owned.all()
	for _, s := range shards {
		parts = append(parts, s.inputs[:]...)
	}
	if len(parts) == 0 {
		return nil
	}
	ends, err := e.client.Offsets(ctx, parts, kafka.Latest)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, s := range shards {
		for i, p := range s.inputs {
			records := max(0, ends[p]-s.Low(i))
			age := 0.0
			if at := s.Newest(i); records > 0 && at > 0 {
				age = max(0, now.Sub(time.UnixMilli(at)).Seconds())
			}
			lag := e.metrics.Lag(p.Topic, p.Index)
			lag.Records.Set(float64(records))
			lag.Seconds.Set(age)
			lag.Retention.Set(age / e.cfg.Kafka.Topics.Retention.Sends.Seconds())
		}
	}
	return nil
}
