// Package config reads the engine's configuration: YAML that is decoded
// strictly on top of documented defaults, then checked as a whole. All faults
// are reported at once, each with its path and line and what to do.
//
// There is no hidden override: a value comes from the file or is the default.
// The environment is read only where a secret's reference names it.
package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"time"
)

// Load reads, decodes and validates the file at path.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w; name an existing file with --config", err)
	}
	return Parse(data, path)
}

// Parse decodes and validates a configuration. name stands for it in faults.
// The error is a *Faults. An empty document is the default configuration.
func Parse(data []byte, name string) (*Config, error) {
	c := Default()
	d := &decoder{lines: make(map[string]int)}
	if root := d.document(data); root != nil {
		d.value(root, reflect.ValueOf(c).Elem(), "")
	}
	c.file, c.lines, d.faults.File = name, d.lines, name
	c.Complete()
	d.merge(c.Validate())
	if err := d.faults.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Default returns the configuration of an empty file.
func Default() *Config {
	return &Config{
		Kafka: Kafka{
			Brokers: []string{"127.0.0.1:9092"}, Prefix: "carillon.", Group: "carillon", ClientID: "carillon",
			SessionTimeout: 30 * time.Second, RebalanceTimeout: time.Minute, Heartbeat: 300 * time.Millisecond,
			Compression: "none",
			Topics: Topics{
				Partitions: 16, Replication: 1, MinInsync: 1, Create: true,
				Retention: Retention{Sends: 7 * day, Status: 7 * day, Invalid: 30 * day},
			},
		},
		Data: "./carillon-data",

		DataMinFree: 512 << 20,
		HTTP:        HTTP{Listen: "127.0.0.1:8080", Pprof: "auto"},
		Log:         Log{Level: "info", Format: "auto"},
		Limits:      Limits{Record: 1 << 20, Batch: 64 << 20, Depth: 32, Fields: 1024},
		Engine: Engine{
			Window: 1024, DedupeWindow: day, DrainTimeout: 20 * time.Second, CommitInterval: time.Second,
			LaneQueue: 8192, LanePatience: time.Second, ParkLimit: 1_000_000, ParkHardLimit: 2_000_000,
			Reserve: 4096, Nodes: 1,
		},
		Status:     Status{Format: "json"},
		QuietHours: QuietHours{Zone: "UTC"},
		Fallback:   Fallback{On: []string{"attempts", "recipient", "policy"}},
		Caps:       Caps{AllApps: DefaultCapApp()},
	}
}

// DefaultChannel returns the channel of an empty entry, for configurations
// that are made in Go.
func DefaultChannel() Channel {
	return Channel{
		OnUnknown: "resend", HoldFor: day, DeadFor: 90 * day,
		Retry: Retry{MaxAttempts: 8, Base: time.Second, Max: 15 * time.Minute},
		TTL:   TTL{Transactional: day, Marketing: 3 * day},
	}
}

// DefaultAccount returns the account of an empty entry, for configurations
// that are made in Go.
func DefaultAccount() Account {
	return Account{
		Apps: []string{"*"}, Weight: 1, Adaptive: true,
		Breaker: Breaker{Enabled: true, Refusals: 5, Attempts: 20, Window: time.Minute, Pause: time.Second, MaxPause: time.Minute},
	}
}

// DefaultQuietApp returns the quiet hours of an empty entry, none, for
// configurations that are made in Go.
func DefaultQuietApp() QuietApp {
	return QuietApp{Transactional: Quiet{Policy: "wait"}, Marketing: Quiet{Policy: "wait"}}
}

// Complete fills what depends on other keys: a channel's plugin from its name,
// an account's burst from its rate. Parse has done it; a configuration made in
// Go calls it before Validate.
func (c *Config) Complete() {
	for name, ch := range c.Channels {
		if ch.Plugin.Bundled == "" && ch.Plugin.Path == "" && ch.Plugin.SHA256 == "" {
			ch.Plugin.Bundled = name
		}
		if ch.RecipientBurst == 0 && !ch.RecipientRate.Unlimited() {
			ch.RecipientBurst = 1
		}
		for account, a := range ch.Accounts {
			if a.Burst == 0 && !a.Rate.Unlimited() {
				a.Burst = a.Rate.Burst()
				ch.Accounts[account] = a
			}
		}
		c.Channels[name] = ch
	}
}

// Topic returns a topic's full name: Topic("sends") is "carillon.sends".
func (c *Config) Topic(name string) string { return c.Kafka.Prefix + name }

// SettingsJSON returns the settings as a JSON object with sorted keys; "{}"
// where there are none.
func (a Account) SettingsJSON() []byte {
	if len(a.Settings) == 0 {
		return []byte("{}")
	}
	data, err := json.Marshal(a.Settings)
	if err != nil {
		return []byte("{}") // Validate has refused such settings
	}
	return data
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
