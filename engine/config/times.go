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
	// `wait` sends it when they are over; `drop` ends it `suppressed`; `next` takes the
	// next of its channels that has no quiet hours then, and waits where there is none.
	Policy string `yaml:"policy" enum:"wait,drop,next"`
	// The channels that have these hours: a text by night wakes people up, an email
	// does not. Default: all.
	Channels []string `yaml:"channels"`
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

// Ordering says for how long a send waits for another one of its ordering key.
type Ordering struct {
	// The longest waits by app; `*` is every app that has no entry of its own.
	Apps map[string]OrderApp `yaml:"apps"`
}

// OrderApp are the longest waits of an app, by class. A class that it does not name
// has none: its sends wait until they expire.
type OrderApp struct {
	// Of transactional sends.
	Transactional OrderWait `yaml:"transactional"`
	// Of marketing sends.
	Marketing OrderWait `yaml:"marketing"`
}

// OrderWait is for how long a send waits for the first of its ordering key, and what
// follows then.
type OrderWait struct {
	// The longest wait, such as `10m`, at least 1s. It counts from when the send waits
	// and that one is the first of those that have not been tried. Default: none.
	LongestWait Duration `yaml:"longest_wait"`
	// `skip` lets those behind go on, and the first goes when it can, out of order;
	// `expire` ends the send that waits `expired`.
	Then string `yaml:"then" enum:"skip,expire"`
}
