package config

import (
	"net"
	"os"
	"slices"
)

// CheckRun checks what only a running engine needs, after Validate: a channel,
// an account in each, and that the bundled plugins are among bundled. The error
// is a *Faults.
func (c *Config) CheckRun(bundled ...string) error {
	k := &checker{c: c, faults: Faults{File: c.file}}
	k.need(len(c.Channels) > 0, "channels", "has no channel; add one, such as `channels: {sink: {accounts: {main: {}}}}`")
	for _, name := range sortedKeys(c.Channels) {
		ch, path := c.Channels[name], join("channels", name)
		k.need(len(ch.Accounts) > 0, path+".accounts", "has no account; add one")
		if p := ch.Plugin.Bundled; p != "" && !slices.Contains(bundled, p) {
			k.add(path+".plugin", "%q is no bundled plugin; for one of your own give path and sha256; %s", p, suggest(p, bundled))
		}
	}
	return k.faults.err()
}

// CheckSecrets resolves every reference and returns all that can't be, as a
// *Faults that names references and no values.
func (c *Config) CheckSecrets() error {
	k := &checker{c: c, faults: Faults{File: c.file}}
	resolve := func(path string, ref SecretRef) {
		if _, err := ref.Resolve(); err != nil {
			k.add(path, "%v", err)
		}
	}
	if c.Kafka.SASL.Mechanism != "" {
		resolve("kafka.sasl.password", c.Kafka.SASL.Password)
	}
	if c.Suppression.Key != "" {
		resolve("suppression.key", c.Suppression.Key)
	}
	for _, name := range sortedKeys(c.Channels) {
		for _, account := range sortedKeys(c.Channels[name].Accounts) {
			secrets := c.Channels[name].Accounts[account].Secrets
			for _, secret := range sortedKeys(secrets) {
				resolve("channels."+name+".accounts."+account+".secrets."+secret, secrets[secret])
			}
		}
	}
	return k.faults.err()
}

// PprofOn reports whether profiling is served.
func (h HTTP) PprofOn() bool {
	if h.Pprof != "auto" {
		return h.Pprof == "always"
	}
	host, _, err := net.SplitHostPort(h.Listen)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// JSON reports whether logs to f are written as JSON.
func (l Log) JSON(f *os.File) bool {
	if l.Format != "auto" {
		return l.Format == "json"
	}
	info, err := f.Stat()
	return err != nil || info.Mode()&os.ModeCharDevice == 0
}
