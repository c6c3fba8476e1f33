package shard

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/caps"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/retry"
	"github.com/carillonhq/carillon/engine/routes"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Config of a shard.
type Config struct {
	ID     int32
	Topics Topics
	// InvalidPartitions is how many the topic of invalid records has: it need
	// not be partitioned like the others.
	InvalidPartitions int32
	// Found is what the last commit of each input said; reading begins at Low.
	// Reserved is no further than the log was when the shard was taken over, and
	// is Low where nothing can be in doubt.
	Found [2]intake.Reservation
	// TakenOver is when this node took the shard over: a former owner began no
	// attempt after it.
	TakenOver time.Time
	// Owner names this process in the shard's commits.
	Owner string
	// Headroom bounds the records, by input, and the parked sends that are reserved
	// ahead of need. The shard reserves less where it needs less, 16 at least.
	Headroom int
	// Window bounds the unfinished records by input.
	Window int
	// Quota bounds a shard's attempts in one lane and priority; what exceeds it
	// waits in the shard.
	Quota int
	// Patience is how long a send may wait for its lane while the window is
	// full, until it is parked so that it holds nothing up.
	Patience time.Duration
	// ParkLimit bounds the parked sends of a lane and priority. Past it bulk
	// sends hold their input up; urgent ones do at ParkHard, where they fail.
	ParkLimit, ParkHard int
	// Protobuf writes status events as protobuf instead of JSON.
	Protobuf bool
	Policies map[string]Policy
	// FallbackOn are the ends of a channel that the next one follows, where a send
	// does not say.
	FallbackOn []string
	// DefaultTTL is for sends that no channel takes.
	DefaultTTL time.Duration
	// Timing is nil where sends may go at any time.
	Timing *Timing
	// Routes is nil where there are none.
	Routes *routes.Table
	// Caps is nil where nothing bounds what goes to a recipient.
	Caps *Caps
	// Ordering is nil where sends wait for others of their key until they expire.
	Ordering *Ordering
}

// Topics are the full names of a shard's topics.
type Topics struct{ Sends, Bulk, Status, Ledger, Invalid, Suppressions string }

func (t Topics) input(i int) string {
	if i == intake.Bulk {
		return t.Bulk
	}
	return t.Sends
}

// Policy is what a channel's configuration says of its sends.
type Policy struct {
	Retry retry.Policy
	// Hold keeps a send whose answer was lost, for at most HoldFor, instead of
	// sending it again.
	Hold    bool
	HoldFor time.Duration
	// DeadFor is how long an address is suppressed of which the provider says that
	// nobody is there; 0 is not at all.
	DeadFor time.Duration
	Pair    Pair
	// TTL is how long a send without an expiry is worth sending, by class.
	TTL map[carillonv1.Class]time.Duration
}

// Ledger is the shard's memory.
type Ledger interface {
	Seen(k send.Key, now time.Time) (ledger.Mark, bool)
	Admit(k send.Key, origin uint64, now time.Time)
	Apply(*ledger.Batch) error
	Position() ledger.Position
	Parked(queue string) int
	Queues(each func(queue string, rows int, next int64))
	Tenants(queue string, now int64, each func(tenant string, next int64))
	Due(queue, tenant string, now int64, take func(send.Key, []byte) bool) error
	Get(k send.Key) ([]byte, error)
	Outlived() []send.Key
	Rows(queue string, each func(send.Key, []byte)) error
	Walk(queue string, from *ledger.Cursor, most int, each func(send.Key, ledger.Spot, []byte) bool) (more bool, err error)
	// Counts is what has gone to recipients, nil where nothing is capped.
	Counts() *caps.Table
	// Counted is up to where in `status` they are complete, -1 where they are not:
	// then they are counted anew.
	Counted() int64
	Recount() error
	Recounted(to int64)
}

// Outcomes writes to Kafka. done is called once, from another goroutine.
type Outcomes interface {
	Produce(p kafka.Partition, records []kafka.Record, done func(base int64, err error))
}

// Lane is a way out.
type Lane interface {
	Name() (channel, account string)
	About() *lane.About
	Push([]*lane.Attempt)
	// Health is how the account is; it is asked for every send.
	Health() lane.Health
	// Ahead is how many more attempts would begin soon.
	Ahead(bulk bool) int
	Pause(until time.Time)
	Withdraw(lane.Owner)
	// Recall withdraws what matches.
	Recall(lane.Owner, func(*lane.Attempt) bool)
	// AtPlugin calls each with an owner's attempts that are at the plugin.
	AtPlugin(o lane.Owner, each func(*lane.Attempt))
}

// Lanes finds the lane of a channel for an app.
type Lanes interface {
	// Find returns one that serves the app, or nil and CodeUnknownChannel or
	// CodeNoAccount where there is none.
	Find(channel, app string) (Lane, string)
	// Home does so for a recipient, whatever the time: its own.
	Home(channel, app, recipient string) (Lane, string)
	// Choose returns its own, or while that takes no attempts another one that does.
	Choose(channel, app, recipient string, now time.Time) (way Lane, own bool, code string)
	// Account returns the lane of an account, nil where none of that name serves the
	// app.
	Account(channel, account, app string) Lane
	// Spared says whether all apps of an account have another that is well.
	Spared(channel, account string) bool
}

// Observer counts. It is called from the shard's goroutine alone.
type Observer interface {
	Settled(channel string, class carillonv1.Class, s carillonv1.State, took time.Duration)
	Progress(channel string, s carillonv1.State, why string)
	Invalid(code string)
	Forwarded(topic string)
	Redelivered()
	MarketingOnUrgent()
	Suppressed(code string)
	// OrderWait counts the longest waits, by what followed: "skip" or "expire".
	OrderWait(then string)
	// Diverted: a send goes by this account in place of another.
	Diverted(channel, account string)
}

// Env is what a shard meets. Now and Jitter are passed in so that a test can
// run a day in a moment.
type Env struct {
	Ledger   Ledger
	Outcomes Outcomes
	Lanes    Lanes
	Observer Observer
	// Suppressions is nil where nothing is ever suppressed.
	Suppressions Suppressions
	Log          zerolog.Logger
	Now          func() time.Time
	Jitter       func() float64 // in [0, 1)
	// Need says that a commit is wanted soon: what is reserved is running short. It
	// must not block.
	Need func()
	// Decided says what became of an operator's decision: done, and in Kafka, or
	// not, because no send is held under that attempt. It must not block.
	Decided func(d *controlv1.Doubt, done bool)
}
