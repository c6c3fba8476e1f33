package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/suppress"
)

// suppressions are the node's: one table, which the topic is read into and all
// shards look things up in.
type suppressions struct {
	*suppress.Table
	*suppress.Follower
	key bool
}

// SuppressionKey reads the key of the hashes of what is suppressed; it is nil
// where none is configured.
func SuppressionKey(cfg *config.Config) (*suppress.Key, error) {
	if cfg.Suppression.Key == "" {
		return nil, nil
	}
	secret, err := cfg.Suppression.Key.Resolve()
	if err != nil {
		return nil, fmt.Errorf("suppression.key: %w", err)
	}
	key, err := suppress.NewKey(secret)
	if err != nil {
		return nil, fmt.Errorf("suppression.key: %s: %w", cfg.Suppression.Key, err)
	}
	return key, nil
}

// openSuppressions makes the table, and what reads the topic into it.
func (e *Engine) openSuppressions() error {
	key, err := SuppressionKey(e.cfg)
	if err != nil {
		return err
	}
	s := &suppressions{Table: suppress.NewTable(key), key: key != nil}
	s.Follower = (&suppress.Follower{
		Client: e.client, Topic: e.cfg.Topic("suppressions"), Skipped: e.suppressionSkipped, Changed: e.suppressionsChanged,
		Failed: func(err error, again time.Duration) {
			e.log.Warn().Err(err).Stringer("again_in", again).Msg("can't follow what is suppressed")
		},
	}).Of(s.Table, time.Now)
	e.suppressed = s
	return nil
}

func (e *Engine) suppressionSkipped(offset int64, why error) {
	e.metrics.Suppressions.Skipped.Inc()
	if why != nil {
		e.log.Error().Int64("offset", offset).Str("topic", e.cfg.Topic("suppressions")).
			Msgf("a record of what is suppressed %v: it is passed over, as are all that follow of its kind", why)
	}
}

// suppressionsChanged has the shards look for what they have in their lanes.
func (e *Engine) suppressionsChanged() {
	for _, s := range e.owned.all() {
		s.Look()
	}
	err := e.suppressed.blind()
	e.health.set("suppressions", err)
	if _, foreign := e.suppressed.Len(); err == nil && foreign > 0 {
		e.log.Error().Int("suppressions", foreign).
			Msg("suppressions are under another key than this node's and hold nobody: bring them in anew under suppression.key, then remove the old ones")
	}
}

// awaitSuppressions returns once it is known to whom nothing may go. No shard
// begins before: a message to who wants none can't be taken back.
func (e *Engine) awaitSuppressions(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-e.suppressed.CaughtUp():
		return e.suppressed.blind()
	}
}

// blind returns why the node can't go by what is suppressed, nil where it can.
func (s *suppressions) blind() error {
	all, foreign := s.Len()
	switch {
	case all == 0 || foreign < all:
		return nil
	case !s.key:
		return fmt.Errorf("%d suppressions stand, and without their key nobody is found by them: set suppression.key to the one "+
			"they were made with, and start again", all)
	default:
		return fmt.Errorf("all %d suppressions are under another key than this node's: set suppression.key to the one they were "+
			"made with, or bring them in anew under this one, and start again", all)
	}
}
