package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/caps"
)

// Caps bound what goes to one recipient by all channels together, by class. What has
// no cap, such as a one-time password, goes whatever went before.
type Caps struct {
	// The caps by app, each app counted by itself; `*` is every app that has no entry
	// of its own.
	Apps map[string]CapApp `yaml:"apps"`
	// Caps over all apps together, besides those by app: where a recipient's id is the
	// same person in each app.
	AllApps CapApp `yaml:"all_apps"`
}

// CapApp are the caps of an app, by class. A class that it does not name has none.
type CapApp struct {
	// Of transactional sends.
	Transactional Cap `yaml:"transactional"`
	// Of marketing sends.
	Marketing Cap `yaml:"marketing"`
}

// Cap is what may go to one recipient, and what becomes of a send that may not.
type Cap struct {
	// At most so many in any time of that length, such as `3/1d`; several hold
	// together, such as `3/1d` and `10/7d`. Each is 100 at most, in no longer a time
	// than `kafka.topics.retention.status`.
	Most []CapLimit `yaml:"most"`
	// Least time between two, such as `1h`.
	Apart Duration `yaml:"apart" min:"0s"`
	// `wait` sends it when it may go, unless it has expired by then; `drop` ends it
	// `suppressed`.
	Policy string `yaml:"policy" enum:"wait,drop"`
}

// DefaultCapApp returns the caps of an empty entry, none, for configurations that are
// made in Go.
func DefaultCapApp() CapApp {
	return CapApp{Transactional: Cap{Policy: "wait"}, Marketing: Cap{Policy: "wait"}}
}

// Rule returns the cap as it is asked.
func (c Cap) Rule() caps.Rule {
	r := caps.Rule{Apart: c.Apart}
	for _, l := range c.Most {
		r.Limits = append(r.Limits, caps.Limit(l))
	}
	return r
}

// CapLimit is a number of sends in any time of a length, written as `3/1d`.
type CapLimit caps.Limit

const mostCapped = 100

// ParseCapLimit reads "3/1d", "3/d", "10/7d" or "1/90m".
func ParseCapLimit(s string) (CapLimit, error) {
	number, length, _ := strings.Cut(s, "/")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	length = strings.TrimSpace(length)
	if _, unit := rateUnits[length]; unit {
		length = "1" + length
	}
	per, wrong := ParseDuration(length)
	switch {
	case err != nil || wrong != nil:
		return CapLimit{}, fmt.Errorf("%q must be a number in a time, such as 3/1d, 10/7d or 1/90m", s)
	case n <= 0 || n > mostCapped:
		return CapLimit{}, fmt.Errorf("%q must be 1 to %d in a time; to send nothing leave the channel or the app out", s, mostCapped)
	case per < time.Second:
		return CapLimit{}, fmt.Errorf("%q must be in a time of at least 1s; an empty one bounds nothing", s)
	}
	return CapLimit{Most: n, Per: per}, nil
}

// String writes the limit as ParseCapLimit reads it.
func (l CapLimit) String() string { return strconv.Itoa(l.Most) + "/" + FormatDuration(l.Per) }

func (k *checker) caps(c *Config) {
	const path = "caps"
	for _, app := range sortedKeys(c.Caps.Apps) {
		k.need(quietName.MatchString(app), path+".apps."+app, "is no app; use letters, digits, `.`, `_` and `-`, 64 at most, or `*` for all")
		k.capApp(path+".apps."+app, c.Caps.Apps[app])
	}
	k.capApp(path+".all_apps", c.Caps.AllApps)
}

func (k *checker) capApp(path string, a CapApp) {
	k.cap(path+".transactional", a.Transactional)
	k.cap(path+".marketing", a.Marketing)
}

func (k *checker) cap(path string, c Cap) {
	k.need(c.Policy != "drop" || !c.Rule().None(), path+".most", "is missing while policy is drop; set it, such as [3/1d], or delete policy")
	kept := k.c.Kafka.Topics.Retention.Status
	k.need(c.Apart <= kept, path+".apart", "is %s; take at most kafka.topics.retention.status (%s): what went is counted anew from that topic",
		FormatDuration(c.Apart), FormatDuration(kept))
	for i, l := range c.Most {
		at := path + ".most[" + strconv.Itoa(i) + "]"
		k.need(l.Most > 0 && l.Most <= mostCapped && l.Per >= time.Second, at, "is %s; take 1 to %d in at least 1s", l, mostCapped)
		k.need(l.Per <= kept, at, "is %s; take a time of at most kafka.topics.retention.status (%s): what went is counted anew from that topic", l, FormatDuration(kept))
		k.need(c.Apart <= l.Per, path+".apart", "is %s, which is more than the time of %s, so that this could never be reached; take less, or delete that one",
			FormatDuration(c.Apart), l)
	}
}
