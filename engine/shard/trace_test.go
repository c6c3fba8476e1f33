package shard

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/hours"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/limit"
	"github.com/carillonhq/carillon/engine/retry"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/suppress"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

var update = flag.Bool("update", false, "write what the shard does into the traces")

// Every file in testdata is a script: a line is an event, and the lines under
// it that begin with -> are the effects it must have, in order. Time stands
// still but for `tick`. -update writes the effects anew.
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.trace")
	if err != nil || len(files) == 0 {
		t.Fatal("no traces: ", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".trace"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newTrace(t).play(string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("the shard does otherwise than %s says:\n%s", file, firstDifference(string(want), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

var traceStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// trace plays a script against a shard with a real ledger on a disk in memory,
// and a Kafka and lanes that it writes down.
type trace struct {
	t       failer
	shard   *Shard
	cfg     Config
	now     time.Time
	out     strings.Builder
	effects []string // of the event that is played
	offset  [2]int64
	end     [2]int64 // of the log, where not all of it was read
	low     [2]int64
	lanes   map[string]*traceLane
	atLane  map[string]*lane.Attempt // by send id
	pushed  []*lane.Attempt          // those of them that wait in their lane, in order
	pending []func()                 // acknowledgements that Kafka owes
	log     map[string][]kafka.Record
	fs      *vfs.MemFS
	db      *ledger.Ledger
	needed  bool // the shard wants a commit
	refuse  bool // none is accepted
	onPush  func(*lane.Attempt)
	gone    *suppress.Table // to whom nothing may go
	heard   int             // records of its topic that it has
	cancels []Cancel
	pauses  []Pause
}

func newTrace(t *testing.T) *trace {
	tr := makeTrace(t)
	tr.open()
	t.Cleanup(func() { _ = tr.db.Close() })
	return tr
}

// failer is what a trace needs of a test.
type failer interface {
	Fatal(...any)
	Fatalf(string, ...any)
	Context() context.Context
}

func makeTrace(t failer) *trace {
	tr := &trace{
		t: t, now: traceStart, lanes: map[string]*traceLane{}, atLane: map[string]*lane.Attempt{},
		log: map[string][]kafka.Record{}, fs: vfs.NewMem(), gone: suppress.NewTable(traceKey),
	}
	tr.cfg = Config{
		ID: 0, Topics: Topics{Sends: "sends", Bulk: "sends.bulk", Status: "status", Ledger: "ledger", Invalid: "invalid", Suppressions: "suppressions"},
		InvalidPartitions: 1, Window: 4, Quota: 2, Patience: time.Second, ParkLimit: 3, ParkHard: 4, DefaultTTL: 24 * time.Hour,
		FallbackOn: []string{"attempts", "recipient", "policy"},
		Policies: map[string]Policy{
			"sms":     {Retry: retry.Policy{MaxAttempts: 3, Base: 2 * time.Second, Max: time.Minute}, DeadFor: 24 * time.Hour},
			"hold":    {Retry: retry.Policy{MaxAttempts: 3, Base: 2 * time.Second, Max: time.Minute}, Hold: true, HoldFor: time.Hour},
			"webhook": {Retry: retry.Policy{MaxAttempts: 3, Base: 2 * time.Second, Max: time.Minute}, Hold: true, HoldFor: time.Hour},
			"pair":    {Retry: retry.Policy{MaxAttempts: 3, Base: 2 * time.Second, Max: time.Minute}},
		},
	}
	for name, about := range map[string]*lane.About{
		"sms": {AddressKind: "phone", Deadline: 9 * time.Second}, "hold": {AddressKind: "phone", Deadline: 9 * time.Second}, "webhook": {AddressKind: "webhook", Idempotent: true, Lifetime: 12 * time.Hour, Deadline: 9 * time.Second},
		"pair": {AddressKind: "phone", Deadline: 9 * time.Second}, "pair-second": {AddressKind: "phone", Deadline: 9 * time.Second},
		"slowstart": nil,
	} {
		tr.lanes[name] = &traceLane{trace: tr, name: name, about: about, ahead: 100}
	}
	return tr
}

// open loads the ledger and makes the shard, as a start does.
func (tr *trace) open() {
	var err error
	if tr.db == nil {
		tr.db, err = ledger.Open(ledger.Config{Dir: "db", FS: tr.fs, Window: 24 * time.Hour, Caps: tr.counted()}, zerolog.Nop())
		if err != nil {
			tr.t.Fatal(err)
		}
	}
	tr.cfg.TakenOver = tr.now
	r := &Restorer{Config: tr.cfg, Reader: traceLog{tr}, Window: 24 * time.Hour, Now: tr.now}
	led, err := tr.db.Load(0, tr.now, r.Done)
	if err != nil {
		tr.t.Fatal(err)
	}
	r.Ledger = inOrder{led}
	done, stale, err := r.Restore(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	for _, k := range stale {
		tr.effect("ledger tombstone owed %s", strings.ReplaceAll(string(k), "\x00", "/"))
		tr.log["ledger"] = append(tr.log["ledger"], kafka.Record{Key: k, Offset: int64(len(tr.log["ledger"]))})
	}
	tr.shard = New(tr.cfg, Env{
		Ledger: inOrder{led}, Outcomes: tr, Lanes: tr, Observer: nothing{}, Log: zerolog.Nop(),
		Now: func() time.Time { return tr.now }, Jitter: func() float64 { return 0.5 },
		Need: func() { tr.needed = true }, Suppressions: tr.gone.NewAsker(),
		Decided: func(d *controlv1.Doubt, done bool) {
			if done {
				tr.effect("decided %s", d.Id)
			} else {
				tr.effect("too late for %s", d.Id)
			}
		},
	}, done)
}

// inOrder is a ledger that names its queues in an order, so that a script has
// the same effects each time.
type inOrder struct{ *ledger.Shard }

// Apply fails where a shard is wrong about the rows that it says to know, or a
// restore would have put one elsewhere.
func (l inOrder) Apply(b *ledger.Batch) error {
	put := map[send.Key]ledger.Spot{} // by this batch; the zero Spot is none
	spot := func(k send.Key) (ledger.Spot, error) {
		if at, changed := put[k]; changed {
			return at, nil
		}
		value, err := l.Get(k)
		if value == nil || err != nil {
			return ledger.Spot{}, err
		}
		var p ledgerv1.Parked
		err = p.UnmarshalVT(value)
		return spotOf(queueOf(&p), p.Send.App, p.DueMs), err
	}
	for _, d := range b.Drop {
		if at, err := spot(d.Key); err != nil || d.At != (ledger.Spot{}) && at != d.At {
			return fmt.Errorf("a row that is dropped at %v stands at %v: %w", d.At, at, err)
		}
		put[d.Key] = ledger.Spot{}
	}
	for _, r := range b.Park {
		if at, err := spot(r.Key); err != nil || r.Fresh && at != (ledger.Spot{}) || r.Was != (ledger.Spot{}) && at != r.Was {
			return fmt.Errorf("a row (fresh: %v) that was at %v stands at %v: %w", r.Fresh, r.Was, at, err)
		}
		put[r.Key] = ledger.Spot{Queue: r.Queue, Tenant: r.Tenant, Due: r.Due}
	}
	return l.Shard.Apply(b)
}

func (l inOrder) Queues(each func(string, int, int64)) {
	type queue struct {
		name string
		rows int
		next int64
	}
	var all []queue
	l.Shard.Queues(func(name string, rows int, next int64) { all = append(all, queue{name, rows, next}) })
	slices.SortFunc(all, func(a, b queue) int { return strings.Compare(a.name, b.name) })
	for _, q := range all {
		each(q.name, q.rows, q.next)
	}
}

func (tr *trace) play(script string) string {
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "->") {
			continue
		}
		tr.out.WriteString(line + "\n")
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "#" {
			tr.event(fields[0], fields[1:])
		}
		tr.writeEffects()
	}
	return tr.out.String()
}

// writeEffects writes what one event brought about. Lanes do not know of each
// other: what follows for several at once has the order of their names.
func (tr *trace) writeEffects() {
	all := tr.effects
	for from := 0; from < len(all); from++ {
		to := from
		for to < len(all) && strings.HasPrefix(all[to], "-> lane ") {
			to++
		}
		slices.SortStableFunc(all[from:to], func(a, b string) int {
			return strings.Compare(strings.TrimSuffix(strings.Fields(a)[2], ":"), strings.TrimSuffix(strings.Fields(b)[2], ":"))
		})
		from = max(from, to-1)
	}
	tr.out.WriteString(strings.Join(all, ""))
	tr.effects = nil
}

func (tr *trace) event(verb string, args []string) {
	switch verb {
	case "admit", "bulk", "invalid", "elsewhere":
		tr.admit(verb, args)
	case "result":
		tr.result(args)
	case "tick":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			tr.t.Fatal(err)
		}
		tr.now = tr.now.Add(d)
	case "clock": // 2026-03-28T22:30:00Z
		at, err := time.Parse(time.RFC3339, args[0])
		if err != nil || at.Before(tr.now) {
			tr.t.Fatalf("the clock can't be set to %s: %v", args[0], err)
		}
		tr.now = at
	case "timing":
		tr.timing(args)
		return
	case "caps":
		tr.caps(args)
		return
	case "ordering":
		tr.ordering(args)
		return
	case "routes": // as in a configuration
		tr.routes(strings.Join(args, " "))
		return
	case "rate": // sms 10/m 1
		tr.rate(args)
		return
	case "ack":
		owed := tr.pending
		tr.pending = nil
		for _, f := range owed {
			f()
		}
	case "resend", "drop": // m1 attempt
		n, _ := strconv.ParseUint(args[1], 10, 32)
		d := controlv1.Decision(controlv1.Decision_value["DECISION_"+strings.ToUpper(verb)])
		tr.shard.Decide(&controlv1.Doubt{App: "shop", Recipient: "u1", Id: args[0], Attempt: uint32(n), Decision: d})
	case "begins": // it reaches its plugin
		a := tr.atLane[args[0]]
		tr.pushed = slices.DeleteFunc(tr.pushed, func(other *lane.Attempt) bool { return other == a })
	case "ahead": // hold 1
		n, _ := strconv.Atoi(args[1])
		tr.lanes[args[0]].ahead = n
	case "suppress", "unsuppress":
		tr.suppress(verb, args)
	case "heard": // what the shard has written of it
		for ; tr.heard < len(tr.log["suppressions"]); tr.heard++ {
			if _, err := tr.gone.Take(&tr.log["suppressions"][tr.heard], tr.now); err != nil {
				tr.t.Fatal(err)
			}
		}
	case "breaker": // sms open credential 30s; sms half-open; sms closed
		tr.breaker(tr.lanes[args[0]], args[1:])
	case "explain":
		tr.explain(args[0])
		return
	case "pause":
		tr.shard.Pause()
	case "resume":
		tr.shard.Resume()
	case "cancel", "paused", "undo":
		tr.halt(verb, args)
	case "progress":
		tr.progress(args[0])
	case "turn":
	case "pass":
		tr.pass(args[0])
		return
	case "commit":
		tr.commit()
	case "position":
		tr.effect("%s", tr.position(tr.ask()))
	case "no-commits":
		tr.refuse = true
	case "commits":
		tr.refuse = false
	case "gone": // sms: it is no longer configured
		delete(tr.lanes, args[0])
	case "described":
		tr.lanes[args[0]].about = &lane.About{AddressKind: args[1]}
	case "restart": // at once; Kafka keeps its log
		tr.commit()
		tr.restart(args)
	default:
		tr.t.Fatalf("no event %q", verb)
	}
	tr.shard.turn(tr.now)
	for tr.needed && !tr.refuse {
		tr.commit()
	}
	if tr.shard.failed != nil {
		tr.effect("failed: %v", tr.shard.failed)
	}
	for i, name := range []string{"sends", "sends.bulk"} {
		if low := tr.shard.Low(i); low != tr.low[i] {
			tr.low[i] = low
			tr.effect("done %s below %d", name, low)
		}
	}
}

// breaker changes the health of an account as its lane does. What waits in the lane
// comes back when it opens.
func (tr *trace) breaker(l *traceLane, args []string) {
	switch args[0] {
	case "open":
		d, err := time.ParseDuration(args[2])
		if err != nil {
			tr.t.Fatal(err)
		}
		since := l.health.Since
		if l.health.State == lane.Closed {
			since = tr.now
		}
		l.health = lane.Health{State: lane.Open, Class: args[1], Since: since, Until: tr.now.Add(d)}
		l.Withdraw(tr.shard)
	case "half-open":
		l.health.State = lane.HalfOpen
	default:
		l.health = lane.Health{}
	}
}

// pass is so many sends that are admitted, answered and acknowledged, which the
// script does not show.
func (tr *trace) pass(count string) {
	n, _ := strconv.Atoi(count)
	for range n {
		id := fmt.Sprint("passing", tr.offset[intake.Urgent])
		tr.event("admit", []string{id, "ch=webhook"})
		tr.event("result", []string{id, "accepted"})
		tr.event("ack", nil)
	}
	tr.effects = nil
}

// commit is a commit of the shard's offsets that the broker accepts.
func (tr *trace) commit() {
	tr.needed = false
	p := tr.ask()
	if tr.refuse {
		return
	}
	tr.cfg.Found = p.Inputs
	tr.shard.Grant(p.Inputs)
	tr.shard.turn(tr.now)
}

func (tr *trace) ask() Position {
	answer := make(chan Position, 1)
	tr.shard.mail.ask(answer)
	tr.shard.turn(tr.now)
	return <-answer
}

func (tr *trace) position(p Position) string {
	var b strings.Builder
	for i, r := range p.Inputs {
		fmt.Fprintf(&b, "%s below %d, reserved to %d", tr.cfg.Topics.input(i), r.Low, r.Reserved)
		for _, run := range r.Done {
			fmt.Fprintf(&b, ", done %d-%d", run.From, run.To-1)
		}
		b.WriteString("; ")
	}
	if urgent := p.Inputs[intake.Urgent]; urgent.Parked > 0 {
		fmt.Fprintf(&b, "%d parked due by %+v; ", urgent.Parked, time.UnixMilli(urgent.Due).Sub(tr.now))
	}
	if p.Quiet {
		return b.String() + "quiet"
	}
	return b.String() + "not quiet"
}

// restart makes the shard anew by the last commit: by this process's next, or
// by another's with a disk of its own.
func (tr *trace) restart(args []string) {
	if slices.Contains(args, "lost-disk") {
		_ = tr.db.Close()
		tr.db, tr.fs = nil, vfs.NewMem()
	}
	for i := range tr.cfg.Found {
		found := &tr.cfg.Found[i]
		text := found.Text()
		var err error
		if *found, err = intake.ParseReservation(found.Low, text); err != nil {
			tr.t.Fatal(err)
		}
		tr.end[i] = max(tr.end[i], tr.offset[i])
		found.Reserved = min(found.Reserved, tr.end[i])
		tr.offset[i] = found.Low
	}
	tr.pending, tr.pushed, tr.atLane = nil, nil, map[string]*lane.Attempt{}
	tr.open()
	tr.giveHalts()
}

func (tr *trace) routes(text string) {
	c, err := config.Parse([]byte("quiet_hours: {zone: Europe/Lisbon}\nchannels: {sms: , hold: , webhook: , pigeon: }\nroutes: "+text), "trace")
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.cfg.Routes = c.RouteTable()
	tr.shard.cfg.Routes = tr.cfg.Routes
}

// timing reads "quiet=22:00-08:00 drop=12:00-14:00 next=20:00-09:00 late=2h": of
// marketing sends, of the app "strict", of sms alone, and of marketing sends again.
func (tr *trace) timing(args []string) {
	const marketing = carillonv1.Class_CLASS_MARKETING
	lisbon := send.Zone("Europe/Lisbon")
	t := &Timing{Zone: lisbon, Quiet: map[string]map[carillonv1.Class]Quiet{}, Late: map[carillonv1.Class]time.Duration{}}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		var err error
		var q Quiet
		switch name {
		case "quiet":
			q.Hours, err = hours.Parse(value)
			t.Quiet[AnyApp] = map[carillonv1.Class]Quiet{marketing: q}
		case "drop":
			q.Drop = true
			q.Hours, err = hours.Parse(value)
			t.Quiet["strict"] = map[carillonv1.Class]Quiet{marketing: q}
		case "next":
			q.Next, q.Channels = true, []string{"sms"}
			q.Hours, err = hours.Parse(value)
			t.Quiet[AnyApp] = map[carillonv1.Class]Quiet{marketing: q}
		case "late":
			t.Late[marketing], err = time.ParseDuration(value)
		}
		if err != nil {
			tr.t.Fatal(err)
		}
	}
	tr.cfg.Timing, tr.shard.cfg.Timing = t, t
}

func (tr *trace) effect(format string, args ...any) {
	tr.effects = append(tr.effects, fmt.Sprintf("-> "+format+"\n", args...))
}

// admit reads "m1 ch=sms,webhook to=u1 at=+1h until=+2h from=topic/1/2 fallback=unknown collapse=key test".
func (tr *trace) admit(verb string, args []string) {
	input := intake.Urgent
	if verb == "bulk" {
		input = intake.Bulk
	}
	s := &carillonv1.Send{
		Id: args[0], App: "shop", Class: carillonv1.Class_CLASS_TRANSACTIONAL, Channels: []string{"sms"},
		To: &carillonv1.Recipient{Id: "u1", Phone: "+351912345678", Webhook: "https://example.com/hook"},
	}
	it := intake.Item{
		Offset: tr.offset[input], Accepted: tr.now, Send: s,
		Source: send.Source{Topic: tr.cfg.Topics.input(input), Offset: tr.offset[input]},
	}
	for _, arg := range args[1:] {
		tr.option(&it, arg)
	}
	switch verb {
	case "invalid":
		it.Send, it.Invalid = nil, &send.Invalid{Code: args[0], Path: "to.id", Detail: "is missing"}
		it.Record = kafka.Record{Key: []byte("k"), Value: []byte("{oops")}
	case "elsewhere":
		it.Shard, it.Record = 3, kafka.Record{Value: []byte("{}")}
	}
	tr.offset[input]++
	in := &tr.shard.inputs[input]
	in.held, in.next = append(in.held, it), tr.offset[input]
}

func (tr *trace) option(it *intake.Item, arg string) {
	name, value, _ := strings.Cut(arg, "=")
	after := func() *timestamppb.Timestamp {
		d, err := time.ParseDuration(value)
		if err != nil {
			tr.t.Fatal(err)
		}
		return timestamppb.New(tr.now.Add(d))
	}
	switch name {
	case "ch":
		it.Send.Channels = strings.Split(value, ",")
		if value == "" {
			it.Send.Channels = nil
		}
	case "app":
		it.Send.App = value
	case "campaign":
		it.Send.Campaign = value
	case "fallback":
		it.Send.Fallback = &carillonv1.Fallback{On: strings.Split(value, ",")}
	case "collapse":
		it.Send.CollapseKey = value
	case "to":
		it.Send.To.Id = value
	case "key":
		it.Send.OrderingKey = value
	case "test":
		it.Send.TestMode = true
	case "marketing":
		it.Send.Class = carillonv1.Class_CLASS_MARKETING
	case "zone":
		it.Send.To.TimeZone = value
	case "phone":
		it.Send.To.Phone = value
	case "prefers":
		it.Send.To.PreferredChannels = strings.Split(value, ",")
	case "at":
		it.Send.SendAt = after()
	case "until":
		it.Send.ExpiresAt = after()
	case "back": // it was accepted so long ago
		d, err := time.ParseDuration(value)
		if err != nil {
			tr.t.Fatal(err)
		}
		it.Accepted = tr.now.Add(-d)
	case "from":
		parts := strings.Split(value, "/")
		p, _ := strconv.Atoi(parts[1])
		o, _ := strconv.Atoi(parts[2])
		it.Source = send.Source{Topic: parts[0], Partition: int32(p), Offset: int64(o)}
	default:
		tr.t.Fatalf("no option %q", arg)
	}
}

// result reads "m1 throttled code=429 after=2s limit=pair".
func (tr *trace) result(args []string) {
	a := tr.atLane[args[0]]
	if a == nil {
		tr.t.Fatalf("%s is at no lane", args[0])
	}
	delete(tr.atLane, args[0])
	tr.pushed = slices.DeleteFunc(tr.pushed, func(other *lane.Attempt) bool { return other == a })
	r := lane.Result{Attempt: a, Verdict: &channelv1.Result{}}
	switch args[1] {
	case "lost":
		r.Outcome = lane.Lost
	case "returned":
		r.Outcome = lane.Returned
	case "expired":
		r.Outcome = lane.Expired
	case "tested":
		r.Outcome = lane.Tested
	case "limited":
		r.Outcome = lane.Limited
	default:
		v, ok := channelv1.Verdict_value["VERDICT_"+strings.ToUpper(args[1])]
		if !ok {
			tr.t.Fatalf("no verdict %q", args[1])
		}
		r.Verdict.Verdict = channelv1.Verdict(v)
	}
	for _, arg := range args[2:] {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "code":
			r.Verdict.Code = value
		case "id":
			r.Verdict.ProviderMessageId = value
		case "limit":
			r.Verdict.Limit = value
		case "after":
			d, _ := time.ParseDuration(value)
			r.Verdict.RetryAfterMs = d.Milliseconds()
			a.NotBefore = tr.now.Add(d).UnixMilli() // the lane's, where it is limited
		case "by":
			a.Limit, _ = limit.ParseDimension(value)
		case "class":
			r.Verdict.Class = channelv1.Class(channelv1.Class_value["CLASS_"+strings.ToUpper(value)])
		}
	}
	tr.shard.Results([]lane.Result{r})
}

// Produce implements Outcomes: it keeps the records, and answers at `ack`.
func (tr *trace) Produce(p kafka.Partition, records []kafka.Record, done func(int64, error)) {
	base := int64(len(tr.log[p.Topic]))
	for _, r := range records {
		r.Offset, r.Value, r.Key = base, bytes.Clone(r.Value), bytes.Clone(r.Key)
		r.Headers = slices.Clone(r.Headers)
		for i, h := range r.Headers { // all of it is the shard's again once it is acknowledged
			r.Headers[i].Value = bytes.Clone(h.Value)
		}
		tr.effect("%s/%d %s", p.Topic, p.Index, describe(p.Topic, &r, tr.now))
		r.Offset = int64(len(tr.log[p.Topic]))
		tr.log[p.Topic] = append(tr.log[p.Topic], r)
	}
	tr.pending = append(tr.pending, func() { done(base, nil) })
}

func describe(topic string, r *kafka.Record, now time.Time) string {
	switch topic {
	case "status":
		s, err := send.ParseStatus(r.Value, r.Headers)
		if err != nil {
			return err.Error()
		}
		text := fmt.Sprintf("%s %s attempt=%d", s.Id, send.StateName(s.Status), s.Attempt)
		if s.Reason != nil {
			text += " " + s.Reason.Class + ":" + s.Reason.Code
		}
		text += describePath(s.Path)
		if s.NextAt != nil {
			text += " next=+" + s.NextAt.AsTime().Sub(now).String()
		}
		if s.ProviderMessageId != "" {
			text += " id=" + s.ProviderMessageId
		}
		return text
	case "suppressions":
		e, err := suppress.ParseRecord(r)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%s %s %s until=+%v by=%s %s", e.Kind, e.Scope, e.Code(), time.UnixMilli(e.UntilMs).Sub(now), e.By, e.Reason)
	case "ledger":
		key := strings.ReplaceAll(string(r.Key), "\x00", "/")
		if r.Value == nil {
			return key + " tombstone"
		}
		var p ledgerv1.Parked
		if err := p.UnmarshalVT(r.Value); err != nil {
			return err.Error()
		}
		if p.Turn != ledgerv1.Turn_TURN_UNSPECIFIED {
			key += map[ledgerv1.Turn]string{ledgerv1.Turn_TURN_FIRST: " first", ledgerv1.Turn_TURN_BEHIND: " behind"}[p.Turn]
		}
		if p.Open {
			return fmt.Sprintf("%s open made=%d failed=%d unknown=%d", key, p.Attempt, p.Failed, p.Unknown)
		}
		by := ""
		if p.Account == "second" {
			by = " by=second"
		}
		return fmt.Sprintf("%s due=+%v made=%d failed=%d unknown=%d%s%s", key,
			time.UnixMilli(p.DueMs).Sub(now), p.Attempt, p.Failed, p.Unknown, by, describePath(p.Path))
	}
	text := string(r.Key) + " " + string(r.Value)
	for _, h := range r.Headers {
		text += " " + h.Key + "=" + string(h.Value)
	}
	return text
}

var traceKey = func() *suppress.Key {
	k, err := suppress.NewKey("0123456789abcdef")
	if err != nil {
		panic(err)
	}
	return k
}()

// suppress reads "to=u1 address=+351912345678 scope=shop/sms/marketing code=blocked
// until=+2h": of a recipient or an address.
func (tr *trace) suppress(verb string, args []string) {
	e := suppress.Entry{Suppression: &controlv1.Suppression{Key: traceKey.Check, Because: controlv1.Because_BECAUSE_OPTED_OUT}}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		ok := true
		switch name {
		case "to":
			e.Kind, e.Hash = suppress.Recipient, traceKey.NewHasher().Sum(suppress.Recipient, value)
		case "address":
			e.Hash = traceKey.NewHasher().Sum(suppress.Address, value)
		case "scope":
			e.Scope, ok = suppress.ParseScope(value)
		case "code":
			var c suppress.Code
			c, ok = suppress.ParseCode(value)
			e.Because = controlv1.Because(c)
		case "until":
			d, err := time.ParseDuration(value)
			e.UntilMs, ok = tr.now.Add(d).UnixMilli(), err == nil
		}
		if !ok {
			tr.t.Fatalf("%s: %q", verb, arg)
		}
	}
	r, err := e.Record()
	if verb == "unsuppress" {
		r = e.Tombstone()
	}
	if err == nil {
		_, err = tr.gone.Take(&r, tr.now)
	}
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.shard.Look()
}

// describePath reads "after sms*2 webhook": channels with their attempts.
func describePath(path []*carillonv1.Step) (text string) {
	for i, p := range path {
		if i == 0 {
			text = " after"
		}
		if text += " " + p.Channel; p.Attempts > 0 {
			text += fmt.Sprint("*", p.Attempts)
		}
		text += ":" + p.Reason.Code
		if p.Unknown {
			text += "?"
		}
	}
	return text
}

// Find implements Lanes.
func (tr *trace) Find(channel, app string) (Lane, string) {
	l, ok := tr.lanes[channel]
	if !ok {
		return nil, CodeUnknownChannel
	}
	return l, ""
}

// Home implements Lanes: the first account is everybody's own.
func (tr *trace) Home(channel, app, _ string) (Lane, string) { return tr.Find(channel, app) }

// Choose implements Lanes: the second account of "pair" has what the first does not
// take.
func (tr *trace) Choose(channel, app, _ string, now time.Time) (way Lane, own bool, code string) {
	way, code = tr.Find(channel, app)
	if other := tr.lanes[channel+"-second"]; other != nil && !way.Health().Takes(now) && other.health.Takes(now) {
		return other, false, ""
	}
	return way, true, code
}

func (tr *trace) Account(channel, account, app string) Lane {
	if other := tr.lanes[channel+"-second"]; other != nil && account == "second" {
		return other
	}
	way, _ := tr.Find(channel, app)
	return way
}

func (tr *trace) Spared(channel, account string) bool {
	first, second := tr.lanes[channel], tr.lanes[channel+"-second"]
	if account == "second" {
		return first.health.State == lane.Closed
	}
	return second != nil && second.health.State == lane.Closed
}

type traceLane struct {
	trace  *trace
	name   string
	about  *lane.About
	ahead  int
	health lane.Health

	withdrawn bool
}

func (l *traceLane) Name() (channel, account string) {
	if channel, second := strings.CutSuffix(l.name, "-second"); second {
		return channel, "second"
	}
	return l.name, "default"
}
func (l *traceLane) About() *lane.About { return l.about }
func (l *traceLane) Pause(until time.Time) {
	l.trace.effect("lane %s rests %v", l.name, until.Sub(l.trace.now))
}

func (l *traceLane) Health() lane.Health { return l.health }
func (l *traceLane) Ahead(bool) int      { return l.ahead }

func (l *traceLane) Withdraw(o lane.Owner) {
	l.withdrawn = true
	l.Recall(o, func(*lane.Attempt) bool { return true })
}

func (l *traceLane) AtPlugin(o lane.Owner, each func(*lane.Attempt)) {
	for _, a := range l.trace.atLane {
		if a.Owner == o && a.Ref.(*item).line.way == l && !slices.Contains(l.trace.pushed, a) {
			each(a)
		}
	}
}

func (l *traceLane) Recall(o lane.Owner, match func(*lane.Attempt) bool) {
	var back []lane.Result
	l.trace.pushed = slices.DeleteFunc(l.trace.pushed, func(a *lane.Attempt) bool {
		if a.Ref.(*item).line.way != l || !match(a) {
			return false
		}
		l.trace.effect("lane %s gives back %s", l.name, a.Send.Id)
		delete(l.trace.atLane, a.Send.Id)
		back = append(back, lane.Result{Attempt: a, Outcome: lane.Returned})
		return true
	})
	if back != nil {
		o.Results(back)
	}
}

func (l *traceLane) Push(attempts []*lane.Attempt) {
	for _, a := range attempts {
		l.trace.effect("lane %s: %s attempt=%d", l.name, a.Send.Id, a.Number)
		channel, account := l.Name()
		if want := send.ProviderKey(send.KeyOf(a.Send.App, a.Send.To.Id, a.Send.Id), channel, account); a.Key != want {
			l.trace.t.Fatalf("attempt %d of %s has the key %s, want %s, as all attempts", a.Number, a.Send.Id, a.Key, want)
		}
		if l.trace.onPush != nil {
			l.trace.onPush(a)
		}
		l.trace.atLane[a.Send.Id] = a
		l.trace.pushed = append(l.trace.pushed, a)
	}
}

// traceLog implements Reader over what was produced.
type traceLog struct{ tr *trace }

func (l traceLog) Since(context.Context, kafka.Partition, time.Time) (int64, error) { return 0, nil }

func (l traceLog) Tail(_ context.Context, p kafka.Partition, from int64, each func(*kafka.Record) error) (int64, error) {
	log := l.tr.log[p.Topic]
	for i := max(from, 0); i < int64(len(log)); i++ {
		r := log[i]
		if err := each(&r); err != nil {
			return i, err
		}
	}
	return int64(len(log)), nil
}

// nothing implements Observer.
type nothing struct{}

func (nothing) Settled(string, carillonv1.Class, carillonv1.State, time.Duration) {}
func (nothing) Progress(string, carillonv1.State, string)                         {}
func (nothing) Invalid(string)                                                    {}
func (nothing) Forwarded(string)                                                  {}
func (nothing) Redelivered()                                                      {}
func (nothing) MarketingOnUrgent()                                                {}
func (nothing) Suppressed(string)                                                 {}
func (nothing) OrderWait(string)                                                  {}
func (nothing) Diverted(string, string)                                           {}
