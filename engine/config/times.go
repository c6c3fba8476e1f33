package config

import "github.com/carillonhq/carillon/engine/hours"

// QuietHours are the hours in which people are left alone, by app and class.
type QuietHours struct {
	// Zone of the recipients who name no `timeZone`, by its name in the IANA time
	// zone database: `Europe/Lisbon`.
	Zone string `yaml:"zone"`
	// The quiet hours by app; `*` is every app that has no entry of its own.
	Apps map[string]QuietApp `yaml:"apps"`
}

// QuietApp are the quiet hours of an app, by class. A class that it does not name
// has none.
type QuietApp struct {
	// Of transactional sends.
	Transactional Quiet `yaml:"transactional"`
	// Of marketing sends.
	Marketing Quiet `yaml:"marketing"`
}

// Quiet are quiet hours, and what becomes of a send in them.
type Quiet struct {
	// By the recipient's clock, such as `22:00-08:00`: from the first time on,
	// before the second. Default: none.
	Hours hours.Window `yaml:"hours"`
	// `wait` sends it when they are over; `drop` ends it `suppressed`.
	Policy string `yaml:"policy" enum:"wait,drop"`
}

// Late is how long after it was due a send's first attempt may begin, by class: 0
// is until it expires. It is due when it is accepted, at its `sendAt`, or when
// the quiet hours end that it waits for.
type Late struct {
	// Of transactional sends.
	Transactional Duration `yaml:"transactional" min:"0s"`
	// Of marketing sends.
	Marketing Duration `yaml:"marketing" min:"0s"`
}

// Suppression is about addresses and recipients to whom nothing may go: those are
// kept as keyed hashes.
type Suppression struct {
	// The key of the hashes: at least 16 bytes that nobody can guess, the same on
	// every node and where `carillon suppression` runs. Without it nothing can be
	// suppressed. A new key finds nobody whose hash is under the old one.
	Key SecretRef `yaml:"key"`
}
