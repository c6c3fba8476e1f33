package config

import "time"

// The comments on the fields below are also the descriptions in the JSON
// Schema and in docs/configuration.md. The tags say how a value is written
// (yaml), which values it may take (enum) and its bounds (min, max).

// Config is the whole configuration of an engine. It is read-only once it is
// loaded, and then safe for concurrent use.
type Config struct {
	// How to reach Kafka, and the topics there.
	Kafka Kafka `yaml:"kafka"`
	// Directory of the local state. It can be rebuilt from Kafka; keep it on a
	// local disk so that a restart is short.
	Data string `yaml:"data"`
	// Free space of that disk below which nothing more is begun, until there is a
	// quarter more: a disk that is full ends the process.
	DataMinFree Size `yaml:"data_min_free" min:"64MiB"`
	// The operator's HTTP port: /metrics, /healthz, /readyz and pprof.
	HTTP HTTP `yaml:"http"`
	// What is logged, and how.
	Log Log `yaml:"log"`
	// What a record may hold. A record past a limit goes to the topic `invalid`.
	Limits Limits `yaml:"limits"`
	// Windows, queues and times of the engine itself.
	Engine Engine `yaml:"engine"`
	// The status events that the engine publishes.
	Status Status `yaml:"status"`
	// The channels by the name that a send's `channels` uses: a lower-case
	// letter, then lower-case letters, digits, `_` and `-`, 64 at most.
	Channels map[string]Channel `yaml:"channels"`
	// When people are left alone.
	QuietHours QuietHours `yaml:"quiet_hours"`
	// How much may go to one recipient, by all channels together.
	Caps Caps `yaml:"caps"`
	// For how long a send waits for another one of its `orderingKey`.
	Ordering Ordering `yaml:"ordering"`
	// How late a send may be begun, by class: what an outage kept back for longer
	// ends `expired` (`too_late`) instead of going out in one flood.
	Late Late `yaml:"late"`
	// To whom nothing may go.
	Suppression Suppression `yaml:"suppression"`
	// When a send goes on to the next of its channels.
	Fallback Fallback `yaml:"fallback"`
	// Channels by rules: where a send's `channels` has `@name`, the route of that name
	// stands for the channels of the first of its rules that is for the send.
	Routes map[string]Route `yaml:"routes"`

	file  string         // name for faults, empty where made in Go
	lines map[string]int // line of each path that the file sets
}

// Kafka says how to reach the cluster.
type Kafka struct {
	// Addresses to find the cluster by, as host:port. Two or three do.
	Brokers []string `yaml:"brokers"`
	// What every topic name begins with.
	Prefix string `yaml:"prefix"`
	// Consumer group that the nodes of one engine share.
	Group string `yaml:"group"`
	// Name that the brokers see in their logs and quotas.
	ClientID string `yaml:"client_id"`
	// Encryption, and the client's certificate for mutual TLS.
	TLS TLS `yaml:"tls"`
	// Login.
	SASL SASL `yaml:"sasl"`
	// How long a silent node keeps its shards. The brokers bound it: 6s to 30m
	// unless they were told otherwise.
	SessionTimeout Duration `yaml:"session_timeout" min:"1s" max:"30m"`
	// How long a node has to give up its shards when another one joins.
	RebalanceTimeout Duration `yaml:"rebalance_timeout" min:"1s" max:"30m"`
	// Time between heartbeats. A join or a leave is noticed at a heartbeat, so
	// a short one makes hand-overs short.
	Heartbeat Duration `yaml:"heartbeat" min:"10ms" max:"1m"`
	// Compression of the records that the engine writes.
	Compression string `yaml:"compression" enum:"none,lz4,zstd,snappy"`
	// How the topics are created and checked.
	Topics Topics `yaml:"topics"`
}

// TLS is the encryption of the connections to the brokers.
type TLS struct {
	// Speak TLS (1.2 or later) to the brokers.
	Enabled bool `yaml:"enabled"`
	// PEM file with the authorities to trust, where the system's do not do.
	CA string `yaml:"ca"`
	// PEM file with the client's certificate, for mutual TLS.
	Cert string `yaml:"cert"`
	// PEM file with the key of that certificate.
	Key string `yaml:"key"`
	// Name to expect in the brokers' certificates, where it is not their host.
	ServerName string `yaml:"server_name"`
	// Accept any certificate. Anybody on the path can then read and change
	// everything: for a test cluster only.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// SASL is the login at the brokers.
type SASL struct {
	// Mechanism; empty is no login. `plain` shows the password to whoever can
	// read the connection, so use it with TLS only.
	Mechanism string `yaml:"mechanism" enum:",plain,scram-sha-256,scram-sha-512"`
	// User name.
	Username string `yaml:"username"`
	// Reference to the password.
	Password SecretRef `yaml:"password"`
}

// Topics says how topics are created and what they are checked for.
type Topics struct {
	// Partitions of every sharded topic: the number of shards. It cannot be
	// changed later, so take several times the nodes you may ever run.
	Partitions int `yaml:"partitions" min:"1" max:"10000"`
	// Copies of every partition. Take 3 in production.
	Replication int `yaml:"replication" min:"1" max:"32"`
	// Copies that must have a record before it is acknowledged. Take 2 in
	// production, with 3 copies.
	MinInsync int `yaml:"min_insync" min:"1" max:"32"`
	// Create the topics that are missing at start. Where it is false, a missing
	// topic is refused.
	Create bool `yaml:"create"`
	// How long records are kept. `ledger` is compacted: it keeps each parked
	// send until it is done.
	Retention Retention `yaml:"retention"`
}

// Retention is how long the brokers keep the records of a topic.
type Retention struct {
	// Of `sends` and `sends.bulk`: also how long an outage may last before
	// unsent messages are lost.
	Sends Duration `yaml:"sends" min:"1m"`
	// Of `status`. The dedupe window is rebuilt from it, so it must not be
	// shorter than `engine.dedupe_window`.
	Status Duration `yaml:"status" min:"1m"`
	// Of `invalid`, which holds the original bytes of what was refused.
	Invalid Duration `yaml:"invalid" min:"1m"`
}

// HTTP is the operator's port.
type HTTP struct {
	// Address to listen at, as host:port. It has no login: keep it off public
	// networks.
	Listen string `yaml:"listen"`
	// Profiling under /debug/pprof. `auto` serves it on a loopback address only.
	Pprof string `yaml:"pprof" enum:"auto,always,never"`
}

// Log says what is logged to the standard error.
type Log struct {
	// Least level that is written.
	Level string `yaml:"level" enum:"debug,info,warn,error"`
	// `auto` is `console` on a terminal, else `json`.
	Format string `yaml:"format" enum:"auto,json,console"`
}

// Limits bound what is decoded.
type Limits struct {
	// Bytes of one record's value.
	Record Size `yaml:"record" min:"1KiB" max:"16MiB"`
	// Bytes of one record batch once it is decompressed.
	Batch Size `yaml:"batch" min:"1MiB" max:"1GiB"`
	// How deep objects and lists may nest.
	Depth int `yaml:"depth" min:"4" max:"1000"`
	// Members of all objects of one record together.
	Fields int `yaml:"fields" min:"16" max:"1048576"`
}

// Engine bounds memory and time.
type Engine struct {
	// Nodes that may run at once, where a provider bounds connections: see
	// `max_connections`.
	Nodes int `yaml:"nodes" min:"1" max:"10000"`
	// Sends in flight in one shard, from their record to their outcome.
	Window int `yaml:"window" min:"1" max:"1048576"`
	// How long an id is remembered: a second send with it is a `duplicate`.
	DedupeWindow Duration `yaml:"dedupe_window" min:"1m" max:"30d"`
	// How long open attempts may go on after a stop was asked for. Shorter
	// than `kafka.rebalance_timeout`, or a stopping node holds up the others.
	DrainTimeout Duration `yaml:"drain_timeout" min:"0s" max:"30m"`
	// Time between offset commits.
	CommitInterval Duration `yaml:"commit_interval" min:"10ms" max:"1m"`
	// Sends that wait in one lane, the queue of one channel account.
	LaneQueue int `yaml:"lane_queue" min:"1" max:"1048576"`
	// How long a send may wait for its lane while the window is full, until it is
	// parked on disk so that those behind it get on. A lane that turns a window
	// over in less time parks nothing.
	LanePatience Duration `yaml:"lane_patience" min:"0s" max:"1m"`
	// Parked sends per lane from which the shard stops reading `sends.bulk`.
	ParkLimit int `yaml:"park_limit" min:"1"`
	// Parked sends per lane from which urgent sends fail with `overload`.
	ParkHardLimit int `yaml:"park_hard_limit" min:"1"`
	// Most records of one shard and input that are reserved ahead of need, with
	// the offset commits. Nothing is begun that is not reserved, so a large one
	// makes commits rare under load; what is reserved when a node dies waits on the
	// next one for its channel's deadline. A shard reserves less where it needs less.
	Reserve int `yaml:"reserve" min:"64" max:"1048576"`
	// Follow the shards of other nodes as well, so that taking one over is short:
	// the node then has the ids of all shards in memory and on disk, and reads all
	// of `status` and `ledger`.
	Standby bool `yaml:"standby"`
}

// Status says how status events are written.
type Status struct {
	// Encoding of the events on the topic `status`.
	Format string `yaml:"format" enum:"json,protobuf"`
}

// Channel is a way to reach people, run by one plugin.
type Channel struct {
	// The program that serves the channel: the name of a bundled one, or a path
	// and its checksum. Default: the bundled one of the channel's name.
	Plugin Plugin `yaml:"plugin"`
	// The accounts by name: letters, digits, `.`, `_` and `-`, 64 at most. Each
	// one has its own queue and limit.
	Accounts map[string]Account `yaml:"accounts"`
	// What becomes of a send whose answer was lost: `resend` tries again, at once
	// and then with the pauses of `retry`, at most `max_attempts` times, and may
	// double it; `hold` never does: it waits for an operator and ends as `unknown`,
	// and costs two more records per attempt. A provider
	// that takes idempotency keys is always asked again.
	OnUnknown string `yaml:"on_unknown" enum:"resend,hold"`
	// How long `hold` waits.
	HoldFor Duration `yaml:"hold_for" min:"0s"`
	// How long one attempt may take until it counts as unknown. 0 is what the
	// plugin asks for.
	Deadline Duration `yaml:"deadline" min:"0s" max:"1h"`
	// What happens after an attempt that surely sent nothing.
	Retry Retry `yaml:"retry"`
	// Most attempts over time to one recipient from one account, such as `10/m`.
	// What is too soon waits, and holds up nobody else. Default: no limit.
	RecipientRate Rate `yaml:"recipient_rate"`
	// Attempts to one recipient that may go at once before that rate holds.
	// Default: 1.
	RecipientBurst int `yaml:"recipient_burst" min:"0" max:"1000"`
	// How long a send is worth sending where it names no `expiresAt`.
	TTL TTL `yaml:"ttl"`
	// How long an address is suppressed, for this channel and app, of which the
	// provider says that nobody is there (a rejection of class `recipient`). 0 is not
	// at all. It needs `suppression.key`.
	DeadFor Duration `yaml:"dead_for" min:"0s"`
	// What a message costs, by what the phone number begins with (`+351`), the longest
	// one first; `*` is everybody else. Routes that go `by: price` need it.
	Prices map[string]Price `yaml:"prices"`
}

// Retry is exponential with full jitter: the nth wait is a random time between
// 0 and min(max, base·2ⁿ⁻¹). What the provider asks for is waited as well.
type Retry struct {
	// Attempts in all, the first one included.
	MaxAttempts int `yaml:"max_attempts" min:"1" max:"1000"`
	// Bound of the first wait.
	Base Duration `yaml:"base" min:"1ms" max:"24h"`
	// Bound of every wait.
	Max Duration `yaml:"max" min:"1ms" max:"7d"`
}

// TTL is the time to live from the record's time, by class.
type TTL struct {
	// Of transactional sends.
	Transactional Duration `yaml:"transactional" min:"1s"`
	// Of marketing sends.
	Marketing Duration `yaml:"marketing" min:"1s"`
}

// Plugin names the program of a channel: either Bundled, or Path and SHA256.
type Plugin struct {
	// Name of a bundled channel.
	Bundled string `yaml:"-"`
	// Absolute path of the program.
	Path string `yaml:"path"`
	// Its SHA-256 in 64 hex digits, as `sha256sum` prints it. A program that
	// differs is not started.
	SHA256 string `yaml:"sha256"`
	// Its arguments.
	Args []string `yaml:"args"`
}

// Account is one account at a provider: one API key, one relay.
type Account struct {
	// The apps that may use it; `*` is every app.
	Apps []string `yaml:"apps"`
	// Of several accounts for an app the ones of the lowest priority are used, and
	// those of the next one while all of these are left alone.
	Priority int `yaml:"priority" min:"0" max:"1000"`
	// Its part of the recipients, among the accounts of its priority.
	Weight int `yaml:"weight" min:"1" max:"1000"`
	// Most attempts over time, for all nodes together: `80/s`, `600000/m`,
	// `10/h`. Default: no limit.
	Rate Rate `yaml:"rate"`
	// Attempts that may go at once before the rate holds. Default: what the rate
	// allows in a tenth of a second, at least 1.
	Burst int `yaml:"burst" min:"0" max:"1048576"`
	// Most attempts of each app by itself, for all nodes together. What its limit
	// keeps holds nobody else up. Default: no limit.
	AppRate Rate `yaml:"app_rate"`
	// Of the apps that have another rate, by their names.
	AppRates AppRates `yaml:"app_rates"`
	// Most attempts of each campaign by itself. Sends without a campaign have none.
	CampaignRate Rate `yaml:"campaign_rate"`
	// Most attempts to each value of a dimension by itself: `domain` (of an email
	// address, or the host of a webhook), `recipient` or `calling_code` (of a phone
	// number). At least 1/m: a node knows the values of the last while, 65,536 of
	// them; past that, some share a limit.
	Limits ValueRates `yaml:"limits"`
	// Lower the rate while the provider throttles, and raise it again as attempts go
	// well, on each node by itself.
	Adaptive bool `yaml:"adaptive"`
	// Lower rates while the provider gets to know a new sender.
	WarmUp WarmUp `yaml:"warm_up"`
	// When the account is left alone because its attempts go wrong.
	Breaker Breaker `yaml:"breaker"`
	// Connections that the provider takes of this account, of all nodes together. With
	// more than that in `engine.nodes` times what its settings open, it is refused.
	// Default: what the plugin says of its provider.
	MaxConnections int `yaml:"max_connections" min:"0"`
	// The channel's own settings; `carillon plugin list` shows them.
	Settings map[string]any `yaml:"settings"`
	// References to the channel's secrets by name.
	Secrets map[string]SecretRef `yaml:"secrets"`
}

// AppRates are rates by the name of an app.
type AppRates map[string]Rate

// ValueRates are rates by the name of a dimension.
type ValueRates map[string]Rate

// WarmUp are the rates of a new sender, by the clock: all nodes agree on them,
// whenever they start.
type WarmUp struct {
	// The first day, such as `2026-12-01`, in UTC, or a time such as
	// `2026-12-01T08:00:00Z`.
	Since string `yaml:"since"`
	// The rates and for how long, one after the other: `50/d for 1d`. After the last
	// one `rate` alone holds, which none of them exceeds.
	Steps []string `yaml:"steps"`
}

// Breaker leaves an account alone whose attempts go wrong, on each node by itself:
// its sends are parked, and now and then one is tried, until one goes well.
type Breaker struct {
	// Whether it ever does.
	Enabled bool `yaml:"enabled"`
	// Attempts in a row that the provider refuses for the account's credentials:
	// then it is left alone. `retry.max_attempts`, if that is less.
	Refusals int `yaml:"refusals" min:"1" max:"1000"`
	// How many of the last attempts are looked at. Where nine of ten failed or had
	// no answer, for several addresses, the account is left alone.
	Attempts int `yaml:"attempts" min:"20" max:"10000"`
	// How far back they may lie.
	Window Duration `yaml:"window" min:"1s" max:"1h"`
	// The pause before the first try. It doubles with each that goes wrong.
	Pause Duration `yaml:"pause" min:"10ms" max:"1h"`
	// Bound of the pause.
	MaxPause Duration `yaml:"max_pause" min:"10ms" max:"1h"`
}

// Fallback says when a send that names several channels goes on to the next.
type Fallback struct {
	// The ends of a channel that the next one follows, where a send does not say in
	// its `fallback.on`: `attempts` (as many as the channel allows have failed),
	// `recipient`, `policy` and `message` (rejected for that reason), `unknown` (an
	// answer was lost: the recipient may then have it twice). `[never]` is none.
	On []string `yaml:"on" enum:"attempts,recipient,policy,message,unknown,never"`
}

// Duration is written as in Go, with `d` for days as well: `300ms`, `1h30m`,
// `7d`.
type Duration = time.Duration
