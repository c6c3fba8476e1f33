package shard

import (
	"strconv"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/caps"
	"github.com/carillonhq/carillon/engine/hours"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/routes"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/suppress"
	"github.com/carillonhq/carillon/engine/table"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// quick answers everything at once: what is left is the shard's own cost.
type quick struct {
	base   int64
	pushed []*lane.Attempt
	needed bool
	counts *caps.Table
}

// commit is the committer, where the shard needs one.
func (q *quick) commit(s *Shard, now time.Time) {
	if q.needed {
		q.needed = false
		answer := make(chan Position, 1)
		s.mail.ask(answer)
		s.turn(now)
		s.Grant((<-answer).Inputs)
		s.turn(now)
	}
}

func (q *quick) Produce(_ kafka.Partition, r []kafka.Record, done func(int64, error)) {
	q.base += int64(len(r))
	done(q.base, nil)
}

func (q *quick) Find(string, string) (Lane, string)                            { return q, "" }
func (q *quick) Home(string, string, string) (Lane, string)                    { return q, "" }
func (q *quick) Choose(string, string, string, time.Time) (Lane, bool, string) { return q, true, "" }
func (q *quick) Account(string, string, string) Lane                           { return q }
func (q *quick) Spared(string, string) bool                                    { return false }
func (q *quick) Name() (string, string)                                        { return "sms", "default" }
func (q *quick) About() *lane.About                                            { return quickAbout }
func (q *quick) Push(a []*lane.Attempt)                                        { q.pushed = append(q.pushed, a...) }
func (q *quick) Pause(time.Time)                                               {}
func (q *quick) Ahead(bool) int                                                { return 1 << 20 }
func (q *quick) Withdraw(lane.Owner)                                           {}
func (q *quick) Recall(lane.Owner, func(*lane.Attempt) bool)                   {}
func (q *quick) AtPlugin(lane.Owner, func(*lane.Attempt))                      {}
func (q *quick) Walk(string, *ledger.Cursor, int, func(send.Key, ledger.Spot, []byte) bool) (bool, error) {
	return false, nil
}
func (q *quick) Health() lane.Health                                          { return lane.Health{} }
func (q *quick) Seen(send.Key, time.Time) (ledger.Mark, bool)                 { return ledger.Mark{}, false }
func (q *quick) Admit(send.Key, uint64, time.Time)                            {}
func (q *quick) Counts() *caps.Table                                          { return q.counts }
func (q *quick) Counted() int64                                               { return 0 }
func (q *quick) Recount() error                                               { return nil }
func (q *quick) Recounted(int64)                                              {}
func (q *quick) Position() ledger.Position                                    { return ledger.Position{} }
func (q *quick) Parked(string) int                                            { return 0 }
func (q *quick) Queues(func(string, int, int64))                              {}
func (q *quick) Tenants(string, int64, func(string, int64))                   {}
func (q *quick) Due(string, string, int64, func(send.Key, []byte) bool) error { return nil }
func (q *quick) Rows(string, func(send.Key, []byte)) error                    { return nil }
func (q *quick) Outlived() []send.Key                                         { return nil }
func (q *quick) Get(send.Key) ([]byte, error)                                 { return nil, nil }

// Apply counts as a ledger does.
func (q *quick) Apply(b *ledger.Batch) error {
	for _, c := range b.Counts {
		q.counts.Release(c.Key)
		q.counts.Count(c.Key, c.At, b.At)
	}
	return nil
}

var quickAbout = &lane.About{AddressKind: "phone"}

// BenchmarkShard is the journey of a send through the shard alone: admitted,
// pushed, answered, taken off, landed. One operation is one send.
func BenchmarkShard(b *testing.B) {
	const marketing = carillonv1.Class_CLASS_MARKETING
	night, _ := hours.Parse("22:00-08:00")
	quiet := &Timing{Zone: time.UTC, Quiet: map[string]map[carillonv1.Class]Quiet{AnyApp: {marketing: {Hours: night}}}}
	late := &Timing{Zone: time.UTC, Quiet: quiet.Quiet, Late: map[carillonv1.Class]time.Duration{marketing: time.Hour}}
	b.Run("times=none", func(b *testing.B) { benchShard(b, Config{}, nil) })
	b.Run("times=quiet", func(b *testing.B) { benchShard(b, Config{Timing: quiet}, nil) })
	b.Run("times=quiet+late", func(b *testing.B) { benchShard(b, Config{Timing: late}, nil) })
	empty := suppress.NewTable(traceKey)
	b.Run("suppressions=0", func(b *testing.B) { benchShard(b, Config{}, empty.NewAsker()) })
	some := suppressed(b, 100_000)
	b.Run("suppressions=100000", func(b *testing.B) { benchShard(b, Config{}, some.NewAsker()) })
}

// BenchmarkShardCaps is the same with caps, and with a rate of each recipient.
func BenchmarkShardCaps(b *testing.B) {
	const marketing = carillonv1.Class_CLASS_MARKETING
	often := Cap{Rule: caps.Rule{Limits: []caps.Limit{{Most: 100, Per: time.Second}}}}
	capped := &Caps{Apps: map[string]map[carillonv1.Class]Cap{AnyApp: {marketing: often}}, Longest: time.Second}
	both := &Caps{Apps: capped.Apps, All: map[carillonv1.Class]Cap{marketing: often}, Longest: time.Second}
	b.Run("caps=none", func(b *testing.B) { benchShard(b, Config{}, nil) })
	b.Run("caps=app", func(b *testing.B) { benchShard(b, Config{Caps: capped}, nil) })
	b.Run("caps=app+all", func(b *testing.B) { benchShard(b, Config{Caps: both}, nil) })
	b.Run("pairs", func(b *testing.B) {
		benchShard(b, Config{Policies: map[string]Policy{"sms": {Pair: Pair{PerSecond: 1e9, Burst: 1000}}}}, nil)
	})
}

// BenchmarkShardRoutes is the same with routes in the configuration: of sends that name
// none, and of such as name one.
func BenchmarkShardRoutes(b *testing.B) {
	day, _ := hours.Parse("08:00-22:00")
	table := &routes.Table{Zone: time.UTC, Rules: map[string][]routes.Rule{"otp": {
		{Prefixes: []string{"+44"}, Channels: []string{"webhook"}},
		{Prefixes: []string{"+351"}, Hours: day, Channels: []string{"sms"}},
	}}}
	b.Run("routes=none", func(b *testing.B) { benchShard(b, Config{}, nil) })
	b.Run("routes=unused", func(b *testing.B) { benchShard(b, Config{Routes: table}, nil) })
	b.Run("routes=used", func(b *testing.B) { benchShard(b, Config{Routes: table}, nil, "@otp") })
}

// BenchmarkShardFlow is the same with everything at once that a shard asks before
// it dispatches. What the lane asks is lane.BenchmarkLimits.
func BenchmarkShardFlow(b *testing.B) {
	const marketing = carillonv1.Class_CLASS_MARKETING
	night, _ := hours.Parse("22:00-08:00")
	often := Cap{Rule: caps.Rule{Limits: []caps.Limit{{Most: 100, Per: time.Second}}}}
	on := Config{
		Timing: &Timing{
			Zone:  time.UTC,
			Quiet: map[string]map[carillonv1.Class]Quiet{AnyApp: {marketing: {Hours: night}}},
			Late:  map[carillonv1.Class]time.Duration{marketing: time.Hour},
		},
		Caps:     &Caps{Apps: map[string]map[carillonv1.Class]Cap{AnyApp: {marketing: often}}, Longest: time.Second},
		Policies: map[string]Policy{"sms": {Pair: Pair{PerSecond: 1e9, Burst: 1000}}},
		Ordering: &Ordering{Apps: map[string]map[carillonv1.Class]*OrderWait{AnyApp: {marketing: {Longest: time.Minute}}}},
	}
	b.Run("off", func(b *testing.B) { benchShard(b, Config{}, nil) })
	b.Run("on", func(b *testing.B) { benchShard(b, on, suppressed(b, 100_000).NewAsker()) })
}

// suppressed is a table of n other recipients and addresses.
func suppressed(b *testing.B, n int) *suppress.Table {
	some := suppress.NewTable(traceKey)
	for i := range n {
		e := suppress.Entry{
			Kind: suppress.Kind(i % 2), Hash: traceKey.NewHasher().Sum(suppress.Recipient, strconv.Itoa(i)),
			Scope:       suppress.Scope{App: suppress.Any, Channel: suppress.Any},
			Suppression: &controlv1.Suppression{Key: traceKey.Check, Because: controlv1.Because_BECAUSE_BLOCKED},
		}
		r, err := e.Record()
		if err == nil {
			_, err = some.Take(&r, traceStart)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return some
}

// BenchmarkShardOrdering is the same with a longest wait, of sends that wait for
// nobody, without an ordering key and with one each.
func BenchmarkShardOrdering(b *testing.B) {
	waits := &Ordering{Apps: map[string]map[carillonv1.Class]*OrderWait{AnyApp: {carillonv1.Class_CLASS_MARKETING: {Longest: time.Minute}}}}
	b.Run("wait=none", func(b *testing.B) { benchShard(b, Config{}, nil) })
	b.Run("wait=1m", func(b *testing.B) { benchShard(b, Config{Ordering: waits}, nil) })
	benchKey = "k"
	defer func() { benchKey = "" }()
	b.Run("key/wait=none", func(b *testing.B) { benchShard(b, Config{}, nil) })
	b.Run("key/wait=1m", func(b *testing.B) { benchShard(b, Config{Ordering: waits}, nil) })
}

var benchKey string // ordering key of each send

// benchShard takes what is not usual from cfg. Sends name channels, or sms.
func benchShard(b *testing.B, cfg Config, gone Suppressions, channels ...string) {
	if channels == nil {
		channels = []string{"sms"}
	}
	const chunk = 256
	q := &quick{counts: caps.New(&table.Memory{}, caps.Shape{Stamps: 100, Longest: time.Second})}
	defer q.counts.Free()
	s := New(Config{
		Topics: Topics{Sends: "sends", Bulk: "bulk", Status: "status", Ledger: "ledger", Invalid: "invalid"}, InvalidPartitions: 1,
		Window: 1024, Headroom: 4096, Quota: 1024, Patience: time.Second, DefaultTTL: time.Hour, Timing: cfg.Timing, Caps: cfg.Caps, Routes: cfg.Routes, Policies: cfg.Policies, Ordering: cfg.Ordering, TakenOver: traceStart.Add(-time.Hour),
	}, Env{
		Ledger: q, Outcomes: q, Lanes: q, Observer: nothing{}, Log: zerolog.Nop(),
		Now: func() time.Time { return traceStart }, Jitter: func() float64 { return 0 },
		Need: func() { q.needed = true }, Suppressions: gone,
	}, [2]map[int64]bool{})
	items := make([]intake.Item, chunk)
	for i := range items {
		items[i] = intake.Item{Accepted: traceStart, Source: send.Source{Topic: "sends"}, Send: &carillonv1.Send{
			Id: "m" + strconv.Itoa(i), App: "shop", Channels: []string{"sms"}, Class: carillonv1.Class_CLASS_MARKETING, OrderingKey: benchKey,
			To: &carillonv1.Recipient{Id: "u" + strconv.Itoa(i), Phone: "+351912345678", TimeZone: "Europe/Lisbon"},
		}}
	}
	verdict := &channelv1.Result{Verdict: channelv1.Verdict_VERDICT_ACCEPTED}
	results := make([]lane.Result, 0, chunk)
	next := int64(0)
	s.turn(traceStart)
	q.commit(s, traceStart)
	b.ReportAllocs()
	b.ResetTimer()
	now := traceStart
	for n := 0; n < b.N; n += chunk {
		now = now.Add(100 * time.Millisecond)
		for i := range items {
			items[i].Offset, items[i].Source.Offset, items[i].Accepted = next, next, now
			items[i].Send.Channels = channels // a route was resolved in its place
			next++
		}
		s.take(intake.Urgent, intake.Chunk{Items: items, Next: next})
		s.turn(now)
		results = results[:0]
		for _, a := range q.pushed {
			results = append(results, lane.Result{Attempt: a, Verdict: verdict})
		}
		q.pushed = q.pushed[:0]
		s.Results(results)
		s.turn(now)
		s.turn(now)
		q.commit(s, now)
	}
	if got := s.Low(intake.Urgent); got != next {
		b.Fatalf("%d are done of %d", got, next)
	}
}
