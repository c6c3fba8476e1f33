package config

import (
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/limit"
)

// valueDimensions are those that `limits` has rates for. Apps and campaigns have
// keys of their own.
var valueDimensions = []string{limit.CallingCode.String(), limit.Domain.String(), limit.Recipient.String()}

// slowest is the least rate of a value: what is slower fills the memory with values
// that have to be known.
var slowest = Rate{Count: 1, Per: time.Minute}

// limits checks the rates of an account beside its own.
func (k *checker) limits(path string, a Account) {
	for _, app := range sortedKeys(a.AppRates) {
		at := path + ".app_rates." + app
		k.need(appName.MatchString(app), at, "is no app; use letters, digits, `.`, `_` and `-`, 64 at most; for all others set app_rate")
		k.need(slices.Contains(a.Apps, "*") || slices.Contains(a.Apps, app), at, "is an app that may not use the account; add it to apps, or delete the rate")
		k.need(!a.AppRates[app].Unlimited(), at, "must be above 0, such as 80/s; delete it for no limit")
	}
	for _, name := range sortedKeys(a.Limits) {
		at, r := path+".limits."+name, a.Limits[name]
		if _, known := limit.ParseDimension(name); known && !slices.Contains(valueDimensions, name) {
			k.add(at, "has a key of its own, beside limits: set rate, app_rate or campaign_rate")
			continue
		}
		k.need(slices.Contains(valueDimensions, name), at, "is no dimension that the engine knows; %s", suggest(name, valueDimensions))
		k.need(!r.Unlimited() && r.PerSecond() >= slowest.PerSecond(), at, "is %q; take at least %s: what each value has used is known in memory only, and for a short time", r, slowest)
	}
}
