package config

import (
	"encoding/hex"
	"encoding/json"
	"net"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/carillonhq/carillon/engine/send"
)

var (
	channelName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	accountName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	appName     = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	quietName   = regexp.MustCompile(`^([A-Za-z0-9._-]{1,64}|[*])$`)
	secretName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	// Kafka takes these in topic names, up to 249 (org.apache.kafka.common
	// .internals.Topic); the longest of ours is much shorter than the rest.
	topicPrefix = regexp.MustCompile(`^[A-Za-z0-9._-]{0,200}$`)
)

// Validate checks the whole configuration. The error is a *Faults with all that
// is wrong. It opens no file and resolves no secret.
func (c *Config) Validate() error {
	k := &checker{c: c, faults: Faults{File: c.file}}
	k.values(reflect.ValueOf(*c), "")
	k.kafka(c.Kafka)
	k.engine(c)
	for _, name := range sortedKeys(c.Channels) {
		k.channel(join("channels", name), name, c.Channels[name])
	}
	k.quietHours(c.QuietHours)
	k.fallback(c.Fallback)
	k.caps(c)
	k.ordering(c.Ordering)
	k.routes(c)
	return k.faults.err()
}

func (k *checker) kafka(c Kafka) {
	k.need(len(c.Brokers) > 0, "kafka.brokers", "names no broker; list at least one host:port")
	for i, broker := range c.Brokers {
		k.need(isAddress(broker, 1), "kafka.brokers["+strconv.Itoa(i)+"]", "%q must be host:port, such as kafka-1.example.com:9092", broker)
	}
	k.need(topicPrefix.MatchString(c.Prefix), "kafka.prefix", "%q can't begin a topic; use letters, digits, `.`, `_` and `-`, 200 at most", c.Prefix)
	k.need(c.Group != "", "kafka.group", "is empty; name the consumer group")
	k.need(c.Heartbeat*3 <= c.SessionTimeout, "kafka.heartbeat", "is %s; take at most a third of kafka.session_timeout (%s), or one lost heartbeat costs the shards",
		FormatDuration(c.Heartbeat), FormatDuration(c.SessionTimeout))
	k.tls(c.TLS)
	k.sasl(c.SASL)
	t := c.Topics
	k.need(t.MinInsync <= t.Replication, "kafka.topics.min_insync", "is %d with %d copies, so nothing could be written; take at most kafka.topics.replication", t.MinInsync, t.Replication)
}

func (k *checker) tls(c TLS) {
	k.need((c.Cert == "") == (c.Key == ""), "kafka.tls.cert", "cert and key belong together; set both or neither")
	set := c.CA != "" || c.Cert != "" || c.Key != "" || c.ServerName != "" || c.InsecureSkipVerify
	k.need(c.Enabled || !set, "kafka.tls", "is set up and not enabled; set kafka.tls.enabled to true, or delete the rest")
}

func (k *checker) sasl(c SASL) {
	if c.Mechanism == "" {
		k.need(c.Username == "" && c.Password == "", "kafka.sasl", "has a login and no mechanism; set kafka.sasl.mechanism, or delete the rest")
		return
	}
	k.need(c.Username != "", "kafka.sasl.username", "is empty; a mechanism needs a user name")
	k.need(c.Password != "", "kafka.sasl.password", "is empty; a mechanism needs a reference to the password, env:NAME or file:/path")
}

func (k *checker) engine(c *Config) {
	e := c.Engine
	k.need(c.Data != "", "data", "is empty; name the directory of the local state")
	k.need(isAddress(c.HTTP.Listen, 0), "http.listen", "%q must be host:port, such as 127.0.0.1:8080", c.HTTP.Listen)
	k.need(c.Limits.Batch >= c.Limits.Record, "limits.batch", "is %s; take at least limits.record (%s), or no batch could hold such a record", c.Limits.Batch, c.Limits.Record)
	k.need(e.DrainTimeout < c.Kafka.RebalanceTimeout, "engine.drain_timeout", "is %s; take less than kafka.rebalance_timeout (%s), or a stopping node loses its shards while it drains",
		FormatDuration(e.DrainTimeout), FormatDuration(c.Kafka.RebalanceTimeout))
	k.need(e.ParkHardLimit >= e.ParkLimit, "engine.park_hard_limit", "is %d; take at least engine.park_limit (%d)", e.ParkHardLimit, e.ParkLimit)
	kept := c.Kafka.Topics.Retention.Status
	k.need(kept >= e.DedupeWindow, "kafka.topics.retention.status", "is %s; take at least engine.dedupe_window (%s), which is rebuilt from that topic",
		FormatDuration(kept), FormatDuration(e.DedupeWindow))
}

func (k *checker) channel(path, name string, ch Channel) {
	k.need(channelName.MatchString(name), path, "can't name a channel; begin with a lower-case letter, go on with lower-case letters, digits, `_` and `-`, 64 at most")
	k.plugin(path+".plugin", ch.Plugin)
	k.need(ch.OnUnknown != "hold" || ch.HoldFor > 0, path+".hold_for", "is 0 while on_unknown is hold; give the operator some time, such as 24h")
	k.need(ch.Retry.Base <= ch.Retry.Max, path+".retry.base", "is %s; take at most retry.max (%s)", FormatDuration(ch.Retry.Base), FormatDuration(ch.Retry.Max))
	k.need(ch.RecipientBurst == 0 || !ch.RecipientRate.Unlimited(), path+".recipient_rate", "is missing while recipient_burst is set; set it, or delete recipient_burst")
	for _, account := range sortedKeys(ch.Accounts) {
		k.account(path+".accounts."+account, account, ch.Accounts[account])
	}
}

func (k *checker) quietHours(q QuietHours) {
	const path = "quiet_hours"
	k.need(send.Zone(q.Zone) != nil, path+".zone", "%q is no zone of the IANA time zone database; take one such as Europe/Lisbon or UTC", q.Zone)
	for _, app := range sortedKeys(q.Apps) {
		k.need(quietName.MatchString(app), path+".apps."+app, "is no app; use letters, digits, `.`, `_` and `-`, 64 at most, or `*` for all")
		k.quiet(path+".apps."+app+".transactional", q.Apps[app].Transactional)
		k.quiet(path+".apps."+app+".marketing", q.Apps[app].Marketing)
	}
}

func (k *checker) quiet(path string, q Quiet) {
	k.need(q.Policy == "wait" || q.Policy == "" || !q.Hours.None(), path+".hours", "is missing while policy is %s; set it, such as 22:00-08:00, or delete policy", q.Policy)
	k.need(len(q.Channels) == 0 || !q.Hours.None(), path+".hours", "is missing while channels is set; set it, such as 22:00-08:00, or delete channels")
	for i, channel := range q.Channels {
		if _, known := k.c.Channels[channel]; !known {
			k.add(path+".channels["+strconv.Itoa(i)+"]", "%q is no channel that is configured; %s", channel, suggest(channel, sortedKeys(k.c.Channels)))
		}
	}
}

func (k *checker) fallback(f Fallback) {
	k.need(len(f.On) > 0, "fallback.on", "is empty; name what the next channel follows, such as attempts, or take [never]")
	k.need(len(f.On) < 2 || !slices.Contains(f.On, send.FallbackNever), "fallback.on", "has never beside others; let it stand alone, or delete it")
}

func (k *checker) plugin(path string, p Plugin) {
	if p.Bundled != "" {
		k.need(p.Path == "" && p.SHA256 == "", path, "is both a bundled plugin and a path; keep one")
		return
	}
	if p.Path == "" && p.SHA256 == "" {
		k.add(path, "names no program; give the name of a bundled plugin, or path and sha256")
		return
	}
	k.need(filepath.IsAbs(p.Path), path+".path", "%q must be an absolute path", p.Path)
	sum, err := hex.DecodeString(p.SHA256)
	k.need(err == nil && len(sum) == 32, path+".sha256", "must be 64 hex digits; `sha256sum FILE` prints them")
}

func (k *checker) account(path, name string, a Account) {
	k.need(accountName.MatchString(name), path, "can't name an account; use letters, digits, `.`, `_` and `-`, 64 at most, a letter or digit first")
	k.need(len(a.Apps) > 0, path+".apps", "names no app, so nothing could use the account; list apps, or delete the key for all of them")
	for i, app := range a.Apps {
		k.need(app == "*" || appName.MatchString(app), path+".apps["+strconv.Itoa(i)+"]", "%q is no app; use letters, digits, `.`, `_` and `-`, 64 at most, or `*` for all", app)
	}
	k.limits(path, a)
	k.need(a.Burst == 0 || !a.Rate.Unlimited(), path+".rate", "is missing while burst is set; set it, or delete burst")
	k.warmUp(path+".warm_up", a.WarmUp)
	k.need(a.Breaker.Pause <= a.Breaker.MaxPause, path+".breaker.pause", "is %s; take at most max_pause (%s)", FormatDuration(a.Breaker.Pause), FormatDuration(a.Breaker.MaxPause))
	_, err := json.Marshal(a.Settings)
	k.need(err == nil, path+".settings", "can't be written as JSON (%v); keep to strings, numbers, booleans, lists and maps", err)
	for _, secret := range sortedKeys(a.Secrets) {
		at := path + ".secrets." + secret
		k.need(secretName.MatchString(secret), at, "can't name a secret; use the names that `carillon plugin list` shows")
		k.need(a.Secrets[secret].valid(), at, "%s", a.Secrets[secret].fault())
	}
}

// isAddress reports whether s is host:port with a port from least on.
func isAddress(s string, least int) bool {
	host, port, err := net.SplitHostPort(s)
	n, notNumber := strconv.Atoi(port)
	return err == nil && notNumber == nil && n >= least && n <= 65535 && (host != "" || least == 0)
}
