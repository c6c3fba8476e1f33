package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/carillonhq/carillon/engine/caps"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/shard"
	"github.com/carillonhq/carillon/engine/table"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// capsOf is nil where nothing is capped, so that it costs nothing.
func capsOf(c *config.Config) *shard.Caps {
	x := &shard.Caps{Apps: map[string]map[carillonv1.Class]shard.Cap{}, All: capApp(c.Caps.AllApps)}
	capped := len(x.All) > 0
	for app, a := range c.Caps.Apps {
		x.Apps[app] = capApp(a) // also an empty one: it is not AnyApp's
		capped = capped || len(x.Apps[app]) > 0
	}
	if !capped {
		return nil
	}
	x.Longest = shapeOf(x).Longest
	return x
}

// capApp has the classes that have a cap.
func capApp(a config.CapApp) map[carillonv1.Class]shard.Cap {
	all := map[carillonv1.Class]shard.Cap{}
	for class, c := range map[carillonv1.Class]config.Cap{
		carillonv1.Class_CLASS_TRANSACTIONAL: a.Transactional, carillonv1.Class_CLASS_MARKETING: a.Marketing,
	} {
		if r := c.Rule(); !r.None() {
			all[class] = shard.Cap{Rule: r, Drop: c.Policy == "drop"}
		}
	}
	return all
}

func shapeOf(x *shard.Caps) (s caps.Shape) {
	for _, c := range x.All {
		s = s.With(c.Rule)
	}
	for _, app := range x.Apps {
		for _, c := range app {
			s = s.With(c.Rule)
		}
	}
	return s
}

// countedFor says what the ledger counts for caps; nil is nothing.
func countedFor(x *shard.Caps, m *table.Memory) *ledger.Caps {
	if x == nil {
		return nil
	}
	scope := fmt.Sprint(x.Longest, slices.Sorted(maps.Keys(x.All)))
	for _, app := range slices.Sorted(maps.Keys(x.Apps)) {
		scope += fmt.Sprint(" ", app, slices.Sorted(maps.Keys(x.Apps[app])))
	}
	return &ledger.Caps{Shape: shapeOf(x), Scope: xxh3.HashString(scope) | 1, Memory: m}
}
