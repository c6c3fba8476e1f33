package engine

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/shard"
)

// lanes finds the lane of a channel for an app. It does not change once the
// engine runs.
type lanes struct {
	channels map[string]*accounts
}

// accounts are those of a channel.
type accounts struct {
	ways    []*way
	serving map[string][]*way // by app, the best priority first
	all     []*way            // that serve every app
	named   bool              // some name theirs
}

// way is one account: its lane, and the apps that may use it.
type way struct {
	apps             []string
	lane             *lane.Lane
	weight, priority int
	seed             uint64
}

func newLanes() *lanes { return &lanes{channels: map[string]*accounts{}} }

func (l *lanes) add(channel string, apps []string, ln *lane.Lane) { l.addWay(channel, apps, ln, 1, 0) }

func (l *lanes) addWay(channel string, apps []string, ln *lane.Lane, weight, priority int) {
	c := l.channels[channel]
	if c == nil {
		c = &accounts{serving: map[string][]*way{}}
		l.channels[channel] = c
	}
	_, account := ln.Name()
	w := &way{apps, ln, weight, priority, xxh3.HashString(account)}
	c.ways = append(c.ways, w)
	slices.SortFunc(c.ways, (*way).byName)
	for _, app := range apps {
		c.named = c.named || app != "*"
		c.serving[app] = append(c.serving[app], w)
		slices.SortStableFunc(c.serving[app], func(a, b *way) int {
			return cmp.Or(cmp.Compare(a.priority, b.priority), a.byName(b))
		})
	}
	c.all = c.serving["*"]
}

func (w *way) byName(other *way) int {
	_, a := w.lane.Name()
	_, b := other.lane.Name()
	return strings.Compare(a, b)
}

// of returns the accounts that serve an app: those that name it, or else those for
// every app.
func (c *accounts) of(app string) []*way {
	if c.named {
		if ways, named := c.serving[app]; named {
			return ways
		}
	}
	return c.all
}

// Find implements shard.Lanes.
func (l *lanes) Find(channel, app string) (shard.Lane, string) {
	ways, code := l.serving(channel, app)
	if code != "" {
		return nil, code
	}
	return ways[0].lane, ""
}

// Home implements shard.Lanes. Among the accounts of the best priority each recipient
// has one, by weighted rendezvous hashing (Thaler and Ravishankar, 1998): when an
// account comes or goes, none but its own recipients are moved.
func (l *lanes) Home(channel, app, recipient string) (shard.Lane, string) {
	ways, code := l.serving(channel, app)
	if code != "" {
		return nil, code
	}
	return home(ways, recipient).lane, ""
}

// Choose implements shard.Lanes. While a recipient's own account takes no attempts,
// it has one of the others, of the best priority that has one.
func (l *lanes) Choose(channel, app, recipient string, now time.Time) (ln shard.Lane, own bool, code string) {
	ways, code := l.serving(channel, app)
	if code != "" {
		return nil, true, code
	}
	at := home(ways, recipient)
	if len(ways) == 1 || at.takes(now) {
		return at.lane, true, ""
	}
	if other := among(ways, recipient, func(w *way) bool { return w.takes(now) }); other != nil {
		return other.lane, false, ""
	}
	return at.lane, true, ""
}

// serving returns the accounts that serve an app, one at least, or else a code.
func (l *lanes) serving(channel, app string) ([]*way, string) {
	c := l.channels[channel]
	if c == nil {
		return nil, shard.CodeUnknownChannel
	}
	ways := c.of(app)
	if len(ways) == 0 {
		return nil, shard.CodeNoAccount
	}
	return ways, ""
}

func home(ways []*way, recipient string) *way {
	if len(ways) == 1 {
		return ways[0]
	}
	return among(ways, recipient, func(*way) bool { return true })
}

func (w *way) takes(now time.Time) bool { return w.lane.Health().Takes(now) }

func among(ways []*way, recipient string, takes func(*way) bool) (best *way) {
	most := 0.0
	for _, w := range ways {
		if best != nil && w.priority > best.priority {
			break
		}
		if !takes(w) {
			continue
		}
		chance := float64(xxh3.HashStringSeed(recipient, w.seed)>>11+1) / (1<<53 + 1) // in (0, 1)
		if score := -float64(w.weight) / math.Log(chance); best == nil || score > most {
			best, most = w, score
		}
	}
	return best
}

// Account implements shard.Lanes.
func (l *lanes) Account(channel, account, app string) shard.Lane {
	if c := l.channels[channel]; c != nil {
		for _, w := range c.of(app) {
			if _, name := w.lane.Name(); name == account {
				return w.lane
			}
		}
	}
	return nil
}

// Spared implements shard.Lanes.
func (l *lanes) Spared(channel, account string) bool {
	c := l.channels[channel]
	if c == nil || len(c.ways) < 2 {
		return false
	}
	well := func(w *way) bool {
		_, name := w.lane.Name()
		return name != account && w.lane.Health().State == lane.Closed
	}
	at := slices.IndexFunc(c.ways, func(w *way) bool {
		_, name := w.lane.Name()
		return name == account
	})
	return at >= 0 && !slices.ContainsFunc(c.ways[at].apps, func(app string) bool {
		return !slices.ContainsFunc(c.of(app), well)
	})
}

// halt has all lanes go by what is canceled and paused.
func (l *lanes) halt(h *shard.Halts) {
	var match func(*lane.Attempt, time.Time) bool
	if h != nil {
		match = h.Stops
	}
	l.each(func(ln *lane.Lane) { ln.Halt(match) })
}

func (l *lanes) each(f func(*lane.Lane)) {
	for _, c := range l.channels {
		for _, w := range c.ways {
			f(w.lane)
		}
	}
}
