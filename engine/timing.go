package engine

import (
	"time"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/shard"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// timing is nil where sends may go at any time, so that they cost nothing.
func timing(c *config.Config) *shard.Timing {
	const transactional, marketing = carillonv1.Class_CLASS_TRANSACTIONAL, carillonv1.Class_CLASS_MARKETING
	if len(c.QuietHours.Apps) == 0 && c.Late == (config.Late{}) {
		return nil
	}
	t := &shard.Timing{
		Zone:  send.Zone(c.QuietHours.Zone),
		Quiet: map[string]map[carillonv1.Class]shard.Quiet{},
		Late:  map[carillonv1.Class]time.Duration{transactional: c.Late.Transactional, marketing: c.Late.Marketing},
	}
	for app, q := range c.QuietHours.Apps {
		t.Quiet[app] = map[carillonv1.Class]shard.Quiet{
			transactional: {Hours: q.Transactional.Hours, Drop: q.Transactional.Policy == "drop"},
			marketing:     {Hours: q.Marketing.Hours, Drop: q.Marketing.Policy == "drop"},
		}
	}
	return t
}
