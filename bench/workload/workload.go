package workload

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Workload is what is sent. Its keys are those of a workload file; what a file
// leaves out is as in Default.
type Workload struct {
	// Name is that of the file; About is what it stands for, for people.
	Name  string `yaml:"-"`
	About string `yaml:"about"`

	// Sends is how many there are.
	Sends int `yaml:"sends"`
	// Seed changes every record, and which attempts the provider fails.
	Seed uint64 `yaml:"seed"`
	// Topic is "sends" (urgent) or "sends.bulk".
	Topic string `yaml:"topic"`
	// Format is "json" or "protobuf".
	Format   string `yaml:"format"`
	Channel  string `yaml:"channel"`
	App      string `yaml:"app"`
	Class    string `yaml:"class"` // "transactional" or "marketing"
	Campaign string `yaml:"campaign"`
	// Payload is the size of content.body, in bytes.
	Payload int `yaml:"payload"`
	// DataKeys is how many members the object data has, each with a text of 16
	// bytes.
	DataKeys int `yaml:"data_keys"`
	// Ordered is the share of sends with an ordering key.
	Ordered    float64    `yaml:"ordered"`
	Recipients Recipients `yaml:"recipients"`
	Provider   Provider   `yaml:"provider"`
}

// Recipients says who the sends are to.
type Recipients struct {
	// Spread is "each" (every send has a recipient of its own), "even" or
	// "zipf": a few get most.
	Spread string `yaml:"spread"`
	// Count is how many there are, unless each send has its own.
	Count int `yaml:"count"`
	// Skew is the exponent of zipf: the nth gets a share of 1/n^Skew.
	Skew float64 `yaml:"skew"`
}

// Provider is how the sink answers.
type Provider struct {
	Latency time.Duration `yaml:"latency"`
	// Jitter is added to it: up to so much, evenly.
	Jitter time.Duration `yaml:"jitter"`
	// Failures and Throttles are shares of the attempts; RetryAfter is what a
	// throttled one is told to wait.
	Failures   float64       `yaml:"failures"`
	Throttles  float64       `yaml:"throttles"`
	RetryAfter time.Duration `yaml:"retry_after"`
}

// Default is the workload of an empty file.
func Default() Workload {
	return Workload{
		Sends: 200_000, Seed: 1, Topic: "sends", Format: "json", Channel: "sink", App: "shop", Class: "transactional",
		Payload: 200, DataKeys: 4,
		Recipients: Recipients{Spread: "each", Count: 10_000, Skew: 1.1},
		Provider:   Provider{RetryAfter: 100 * time.Millisecond},
	}
}

// Check returns all that is wrong, a line for each key.
func (w Workload) Check() error {
	var faults []error
	need := func(ok bool, key, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(key+": "+format, args...))
		}
	}
	oneOf := func(key, value string, names ...string) {
		need(slices.Contains(names, value), key, "%q is none; give %s", value, strings.Join(names, " or "))
	}
	share := func(key string, v float64) { need(v >= 0 && v <= 1, key, "%v is no share; give 0 to 1", v) }
	length := func(key string, d time.Duration) {
		need(d >= 0 && d <= time.Hour, key, "%v; give 0s to 1h", d)
	}
	need(w.Sends >= 1 && w.Sends < most, "sends", "%d; give 1 to %d", w.Sends, most-1)
	oneOf("topic", w.Topic, "sends", "sends.bulk")
	oneOf("format", w.Format, "json", "protobuf")
	need(w.Channel == "sink", "channel", "%q has no provider here; give sink (email and webhook have `carillon bench channel`)", w.Channel)
	need(w.App != "", "app", "give a name")
	oneOf("class", w.Class, "transactional", "marketing")
	need(w.Payload >= 0 && w.Payload <= 512<<10, "payload", "%d; give 0 to %d bytes", w.Payload, 512<<10)
	need(w.DataKeys >= 0 && w.DataKeys <= 1000, "data_keys", "%d; give 0 to 1000", w.DataKeys)
	share("ordered", w.Ordered)
	oneOf("recipients.spread", w.Recipients.Spread, "each", "even", "zipf")
	need(w.Recipients.Count >= 1, "recipients.count", "%d; give 1 or more", w.Recipients.Count)
	need(w.Recipients.Skew > 1 && w.Recipients.Skew <= 10, "recipients.skew", "%v; give more than 1, up to 10", w.Recipients.Skew)
	length("provider.latency", w.Provider.Latency)
	length("provider.jitter", w.Provider.Jitter)
	length("provider.retry_after", w.Provider.RetryAfter)
	share("provider.failures", w.Provider.Failures)
	share("provider.throttles", w.Provider.Throttles)
	need(w.Provider.Failures+w.Provider.Throttles < 1, "provider", "failures and throttles leave no attempt that succeeds; let both add up to less than 1")
	return errors.Join(faults...)
}

// Settings are those of the sink's account that answers so. The key ledger is
// the caller's.
func (p Provider) Settings(seed uint64) map[string]any {
	return map[string]any{
		"latency": p.Latency.String(), "latency_jitter": p.Jitter.String(), "failures": p.Failures,
		"throttles": p.Throttles, "retry_after": p.RetryAfter.String(), "seed": seed,
	}
}

// Smooth says that the provider takes every attempt at once or later, but takes
// it: then each send ends as sent after its first.
func (p Provider) Smooth() bool { return p.Failures == 0 && p.Throttles == 0 }

// Map returns the workload by the keys of its file, for reports.
func (w Workload) Map() map[string]any {
	m := map[string]any{
		"workload": w.Name, "sends": w.Sends, "seed": w.Seed, "topic": w.Topic, "format": w.Format, "channel": w.Channel,
		"payload": w.Payload, "data_keys": w.DataKeys, "ordered": w.Ordered, "recipients.spread": w.Recipients.Spread,
		"provider.latency": w.Provider.Latency, "provider.jitter": w.Provider.Jitter,
		"provider.failures": w.Provider.Failures, "provider.throttles": w.Provider.Throttles,
	}
	if w.Recipients.Spread != "each" {
		m["recipients.count"] = w.Recipients.Count
	}
	if w.Recipients.Spread == "zipf" {
		m["recipients.skew"] = w.Recipients.Skew
	}
	return m
}
