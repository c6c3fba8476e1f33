package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/bench/workload"
)

// profile has new nodes send everything once more, and writes the profiles of
// the first. lasts is how long the other passes took. It is in no figure.
func (s *stage) profile(ctx context.Context, records workload.Records, lasts time.Duration) error {
	d, err := s.rig.Begin(ctx)
	if err != nil {
		return err
	}
	launched := time.Now()
	err = d.StartAll(ctx, s.Nodes, s.engine(s.rig.Partitions))
	if err == nil {
		beside := make(chan error, 1)
		go func() { beside <- d.Nodes[0].Profile(ctx, s.Profiles, lasts) }()
		_, err = s.measure(ctx, d, records.Len(), launched)
		err = errors.Join(err, <-beside)
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("the round for the profiles: %w", err)
	}
	s.say("the profiles of one more round are in %s", s.Profiles)
	return nil
}
