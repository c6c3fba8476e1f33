package limit

import (
	"context"
	"fmt"

	"github.com/carillonhq/carillon/bench/rig"
)

// profile runs the engine once more, for its profiles.
func (r *run) profile(ctx context.Context) error {
	lasts := r.turns[Engine][0].took
	for _, t := range r.turns[Engine] {
		lasts = min(lasts, t.took)
	}
	if _, err := r.takeEngine(ctx, func(n *rig.Node) error { return n.Profile(ctx, r.Profiles, lasts) }); err != nil {
		return fmt.Errorf("the round for the profiles: %w", err)
	}
	r.say("the profiles of one more round are in %s", r.Profiles)
	return nil
}
