package engine

import (
	"errors"
	"fmt"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
)

// Stopped is the error of an input that can't be read any further from an
// offset on, while nothing is wrong with the group's commit. What was read
// before goes on, and so does the commit.
type Stopped struct {
	kafka.Partition
	At, Next int64 // what is between them can't be read
	Cause    error
}

// newStopped makes one of what the fetchers and readers say, nil where the error
// does not tell from where reading could go on.
func newStopped(p kafka.Partition, err error) *Stopped {
	var damaged *kafka.BatchError
	var gap *intake.Gap
	switch {
	case errors.As(err, &damaged):
		return &Stopped{p, damaged.Offset, damaged.NextOffset, err}
	case errors.As(err, &gap):
		return &Stopped{p, gap.Next, gap.First, err}
	}
	return nil
}

func (s *Stopped) Unwrap() error { return s.Cause }

func (s *Stopped) Error() string {
	return fmt.Sprintf("%s: reading has stopped at offset %d: %v; what was read before goes on; to go on reading at %d, "+
		"and leave out what is between, which then has no outcome: carillon shard accept %d --topic %s --past %d --from %d --reason 'why'",
		s.Partition, s.At, s.Cause, s.Next, s.Index, s.Topic, s.At, s.Next)
}

// StoppedAt names the state of an input whose reading has stopped, for an
// acceptance: unlike Fingerprint it outlives commits.
func StoppedAt(offset int64) string { return fmt.Sprintf("stopped-%d", offset) }
