package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
)

// teardown undoes what was built, last in first out. Each step is added beside
// what it undoes.
type teardown struct {
	names []string
	steps []func() error
}

func (t *teardown) add(name string, step func() error) {
	t.names, t.steps = append(t.names, name), append(t.steps, step)
}

// stepTimeout bounds one step: a step that hangs must not keep the others from
// their turn.
const stepTimeout = 30 * time.Second

func (t *teardown) run(log zerolog.Logger) error {
	var all error
	for i := len(t.steps) - 1; i >= 0; i-- {
		done := make(chan error, 1)
		go func() { done <- t.steps[i]() }()
		select {
		case err := <-done:
			if err != nil {
				all = errors.Join(all, fmt.Errorf("stop %s: %w", t.names[i], err))
			}
		case <-time.After(stepTimeout):
			log.Error().Str("what", t.names[i]).Msg("did not stop in time")
			all = errors.Join(all, fmt.Errorf("stop %s: still running after %v", t.names[i], stepTimeout))
		}
	}
	return all
}
