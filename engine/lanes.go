package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/limit"
	"github.com/carillonhq/carillon/engine/shard"
)

// lanes finds the lane of a channel for an app. It does not change once the
// engine runs.
type lanes struct {
	channels map[string][]*way
}

// way is one account: its lane, and the apps that may use it.
type way struct {
	apps []string
	lane *lane.Lane
}

func newLanes() *lanes { return &lanes{channels: map[string][]*way{}} }

func (l *lanes) add(channel string, apps []string, ln *lane.Lane) {
	l.channels[channel] = append(l.channels[channel], &way{apps, ln})
}

// sort fixes the order in which accounts are tried.
func (l *lanes) sort() {
	for _, ways := range l.channels {
		slices.SortFunc(ways, func(a, b *way) int {
			_, x := a.lane.Name()
			_, y := b.lane.Name()
			return strings.Compare(x, y)
		})
	}
}

// Find implements shard.Lanes: an account that names the app goes before one
// that serves every app.
func (l *lanes) Find(channel, app string) (shard.Lane, string) {
	ways, ok := l.channels[channel]
	if !ok {
		return nil, shard.CodeUnknownChannel
	}
	for _, name := range []string{app, "*"} {
		for _, w := range ways {
			if slices.Contains(w.apps, name) {
				return w.lane, ""
			}
		}
	}
	return nil, shard.CodeNoAccount
}

// laneLimits are the limits of an account beside its rate.
func laneLimits(a config.Account) lane.Limits {
	rate := func(r config.Rate) lane.Rate { return lane.Rate{PerSecond: r.PerSecond(), Burst: r.Burst()} }
	l := lane.Limits{Apps: map[string]lane.Rate{}}
	for app, r := range a.AppRates {
		l.Apps[app] = rate(r)
	}
	l.Each[limit.App], l.Each[limit.Campaign] = rate(a.AppRate), rate(a.CampaignRate)
	for name, r := range a.Limits {
		d, _ := limit.ParseDimension(name) // Validate has refused others
		l.Each[d] = rate(r)
	}
	return l
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
	for _, ways := range l.channels {
		for _, w := range ways {
			f(w.lane)
		}
	}
}

// breakerOf returns when an account is left alone. It is before a send of its has
// run out of attempts for it.
func breakerOf(ch config.Channel, b config.Breaker) lane.Breaker {
	if !b.Enabled {
		return lane.Breaker{}
	}
	return lane.Breaker{
		Refusals: min(b.Refusals, ch.Retry.MaxAttempts), Attempts: b.Attempts, Window: b.Window,
		Pause: b.Pause, MaxPause: b.MaxPause,
	}
}

// warmUp returns the steps of a configuration that is valid.
func warmUp(w config.WarmUp) (all []lane.Step) {
	steps, _ := w.Schedule()
	for _, s := range steps {
		all = append(all, lane.Step{Until: s.Until, PerSecond: s.Rate.PerSecond()})
	}
	return all
}
