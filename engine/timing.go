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
			transactional: quietOf(q.Transactional), marketing: quietOf(q.Marketing),
		}
	}
	return t
}

// ordering is nil where no send has a longest wait for its turn.
func ordering(c *config.Config) *shard.Ordering {
	o := &shard.Ordering{Apps: map[string]map[carillonv1.Class]*shard.OrderWait{}}
	some := false
	for app, a := range c.Ordering.Apps {
		o.Apps[app] = map[carillonv1.Class]*shard.OrderWait{} // also an empty one: it is not AnyApp's
		for class, w := range map[carillonv1.Class]config.OrderWait{
			carillonv1.Class_CLASS_TRANSACTIONAL: a.Transactional, carillonv1.Class_CLASS_MARKETING: a.Marketing,
		} {
			if w.LongestWait > 0 {
				o.Apps[app][class] = &shard.OrderWait{Longest: w.LongestWait, Expire: w.Then == "expire"}
				some = true
			}
		}
	}
	if !some {
		return nil
	}
	return o
}

func quietOf(q config.Quiet) shard.Quiet {
	return shard.Quiet{Hours: q.Hours, Drop: q.Policy == "drop", Next: q.Policy == "next", Channels: q.Channels}
}
