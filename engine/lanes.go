package engine

import (
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/limit"
)

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
