package shard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// A shard lives through anything: results of every kind, slow acknowledgements,
// refused commits, pauses, crashes that lose the disk and what Kafka had not
// acknowledged. What must hold whatever comes is checked at each effect.
func TestShardWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t)
		defer func() { _ = s.trace.db.Close() }()
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			s.step()
		}
		s.finish()
	})
}

// sim is a shard with its surroundings, and what is remembered of its sends.
type sim struct {
	t       *rapid.T
	trace   *trace
	records [2][]intake.Item
	known   map[string]*known
	order   []*known
	lives   int
	events  int
	apps    []string
	crashed bool // at least once; what is handed over in order leaves nothing in doubt
	read    int  // of trace.out
	acked   map[string]int
	judged  int // of the status events, and what of them counts for caps
	gone    []wentOut

	lastDone map[string]time.Time // when the last attempt of a channel ended, in this life
}

// known is what the world has seen of a send.
type known struct {
	app              string
	id, channel, key string // the first channel
	channels         []string
	collapse         string
	began            int    // the last life in which it was attempted
	beganAt          int    // and the event: of what one event brings about lanes know no order
	unknown          bool   // it says that the next channel follows a lost answer
	by               string // the channel of the last attempt
	maybe            string // the channel that may have sent it, the last of them
	campaign         string
	at               time.Time
	input, life      int
	offset           int64
	scheduled        bool
	canceled         bool      // it was, at some time
	pushed           int       // attempts, in all lives
	answered         bool      // one of them had a result
	accepted         int       // the life in which it was accepted, from 1 on
	open             bool      // an attempt is in a lane, or was at a crash
	lostAt           time.Time // of that crash
	expires          time.Time // zero: not soon
	doubted          time.Time // the take-over that found it open
	noMore           bool      // it may have been sent by a channel that holds
	outcomes         int
	skipped          bool   // others waited for it for too long
	doubtful         bool   // it may have gone without its owner knowing, who had reserved it
	way              string // the lane of the last attempt
	mayHave          string // the lane by which it may have been sent, the last of them
}

func newSim(t *rapid.T) *sim {
	s := &sim{t: t, apps: []string{"shop", "bank", "news"}, known: map[string]*known{}, lives: 1, acked: map[string]int{}, lastDone: map[string]time.Time{}}
	s.trace = makeTrace(simT{t})
	s.trace.cfg.ParkLimit, s.trace.cfg.ParkHard = 1000, 1000
	s.trace.cfg.Window = rapid.IntRange(1, 6).Draw(t, "window")
	s.trace.cfg.Quota = rapid.IntRange(2, 6).Draw(t, "quota")
	s.trace.onPush = s.reserved
	s.trace.open()
	if timing := rapid.SampledFrom([]string{"", "", "quiet=12:00-12:20", "quiet=12:01-12:20", "quiet=12:01-12:20 late=3s", "next=12:01-12:20"}).Draw(t, "timing"); timing != "" {
		s.trace.timing(strings.Fields(timing))
	}
	if capped := rapid.SampledFrom([]string{"", "", "most=2/5m", "most=3/10m apart=30s"}).Draw(t, "caps"); capped != "" {
		s.trace.caps(strings.Fields(capped))
		s.apps = s.apps[:1] // what is capped is judged by recipient alone
		// It has taken itself over for that: what it parks from here on is later.
		s.trace.now = s.trace.now.Add(time.Millisecond)
	}
	if longest := rapid.SampledFrom([]string{"", "", "skip=3s", "skip=1m", "expire=3s", "expire=1m"}).Draw(t, "ordering"); longest != "" {
		s.trace.ordering([]string{longest})
	}
	if rapid.IntRange(0, 3).Draw(t, "pairs") == 0 {
		s.trace.rate([]string{rapid.SampledFrom([]string{"sms", "hold"}).Draw(t, "limited"), "6/m", "1"})
		s.apps = s.apps[:1]
	}
	s.event("turn")
	return s
}

// simT is what a trace needs of a test.
type simT struct{ *rapid.T }

func (t simT) Context() context.Context { return context.Background() }

// fatalf fails with all that has happened.
func (s *sim) fatalf(format string, args ...any) {
	s.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), s.trace.out.String())
}

func (s *sim) step() {
	switch rapid.IntRange(0, 23).Draw(s.t, "what") {
	case 0, 1, 2, 3, 4:
		for range rapid.SampledFrom([]int{1, 1, 1, 2, 10}).Draw(s.t, "records") {
			s.produce()
		}
		s.event("turn")
	case 5, 6, 7, 8, 9:
		s.answer(rapid.SampledFrom([]string{"accepted", "accepted", "failed", "lost", "throttled", "unknown", "rejected", "rejected class=recipient", "expired"}).Draw(s.t, "result"))
	case 10:
		if rapid.Bool().Draw(s.t, "missed") {
			s.miss()
			return
		}
		s.event("begins")
	case 11, 12, 13:
		s.event("ack")
	case 14, 15:
		d := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 3 * time.Second, 11 * time.Second, time.Minute}).Draw(s.t, "time")
		s.event("tick", d.String())
	case 16:
		s.trace.refuse = !s.trace.refuse
		s.event("turn")
	case 17:
		s.event(rapid.SampledFrom([]string{"pause", "resume", "commit"}).Draw(s.t, "pause"))
	case 18:
		s.crash()
	case 19:
		s.handOver()
	case 20:
		s.halt(rapid.SampledFrom([]string{"cancel x campaign=c", "cancel y before", "cancel z id=m1"}).Draw(s.t, "cancel"))
	case 21:
		s.halt(rapid.SampledFrom([]string{"paused p campaign=c", "paused q", "paused r channel=sms", "undo p", "undo q", "undo r", "undo x"}).Draw(s.t, "pause sends"))
	default:
		s.breaker()
	}
}

// halt cancels or pauses, or undoes it.
func (s *sim) halt(text string) {
	fields := strings.Fields(text)
	if fields[0] != "undo" { // of one name there is one
		s.trace.halt("undo", []string{fields[1]})
	}
	s.event(fields[0], fields[1:]...)
	for _, k := range s.order {
		canceled, _ := s.haltedNow(k)
		k.canceled = k.canceled || canceled
	}
}

// breaker lets an account come to be left alone, have a probe under way, or be well.
func (s *sim) breaker() {
	channel := rapid.SampledFrom([]string{"sms", "hold", "webhook", "pair", "pair", "pair-second"}).Draw(s.t, "account")
	switch s.trace.lanes[channel].health.State {
	case lane.Closed, lane.HalfOpen:
		if rapid.Bool().Draw(s.t, "well") {
			s.event("breaker", channel, "closed")
			return
		}
		pause := rapid.SampledFrom([]string{"500ms", "3s", "30s"}).Draw(s.t, "pause of the breaker")
		s.event("breaker", channel, "open", "provider", pause)
	case lane.Open:
		s.event("breaker", channel, rapid.SampledFrom([]string{"half-open", "closed"}).Draw(s.t, "to"))
	}
}

// produce adds a record, and what can be read of the input.
func (s *sim) produce() {
	input := rapid.IntRange(0, 1).Draw(s.t, "input")
	k := &known{
		at: s.trace.now, id: fmt.Sprint("m", len(s.order)), input: input, life: s.lives, offset: int64(len(s.records[input])),
		channel:   rapid.SampledFrom([]string{"sms", "sms", "hold", "webhook", "pair"}).Draw(s.t, "channel"),
		key:       rapid.SampledFrom([]string{"", "", "a", "a", "b"}).Draw(s.t, "key"),
		campaign:  rapid.SampledFrom([]string{"", "", "c"}).Draw(s.t, "campaign"), // which have turns of their own
		scheduled: rapid.IntRange(0, 7).Draw(s.t, "scheduled") == 0,
	}
	k.collapse = rapid.SampledFrom([]string{"", "", "", "x"}).Draw(s.t, "collapse")
	if k.app = rapid.SampledFrom(s.apps).Draw(s.t, "app"); k.app != "shop" { // each has keys of its own
		k.key, k.collapse = ownKey(k.app, k.key), ownKey(k.app, k.collapse)
	}
	k.channels = []string{k.channel}
	if other := rapid.SampledFrom([]string{"", "", "sms", "hold", "webhook"}).Draw(s.t, "then"); other != "" && other != k.channel {
		k.channels = append(k.channels, other)
	}
	msg := &carillonv1.Send{
		Id: k.id, App: k.app, Class: carillonv1.Class_CLASS_TRANSACTIONAL, Channels: k.channels, OrderingKey: k.key, CollapseKey: k.collapse,
		Campaign: k.campaign,
		To:       &carillonv1.Recipient{Id: "u1", Phone: "+351912345678", Webhook: "https://example.com/hook"},
	}
	if rapid.Bool().Draw(s.t, "marketing") {
		msg.Class = carillonv1.Class_CLASS_MARKETING
	}
	if k.unknown = rapid.IntRange(0, 3).Draw(s.t, "on unknown") == 0; k.unknown {
		msg.Fallback = &carillonv1.Fallback{On: []string{"unknown", "recipient"}}
	}
	if k.scheduled {
		msg.SendAt = timestamppb.New(s.trace.now.Add(5 * time.Second))
	}
	if rapid.IntRange(0, 7).Draw(s.t, "short") == 0 {
		k.expires = s.trace.now.Add(8 * time.Second)
		msg.ExpiresAt = timestamppb.New(k.expires)
	}
	s.known[k.id], s.order = k, append(s.order, k)
	fmt.Fprintf(&s.trace.out, "admit %s of input %d by %s (%v), key %q, at %v until %v\n", k.id, input, k.channels, msg.Fallback, k.key, msg.SendAt, msg.ExpiresAt)
	s.records[input] = append(s.records[input], intake.Item{
		Offset: k.offset, Accepted: s.trace.now, Send: msg,
		Source: send.Source{Topic: s.trace.cfg.Topics.input(input), Offset: k.offset},
	})
	s.trace.end[input] = k.offset + 1
}

func ownKey(app, key string) string {
	if key == "" {
		return ""
	}
	return app + key
}

// event lets the trace have one, with some of the records that it has not read.
func (s *sim) event(verb string, args ...string) {
	s.events++
	for i := range s.records {
		in := &s.trace.shard.inputs[i]
		next := s.trace.offset[i]
		if left := int64(len(s.records[i])) - next; left > 0 && len(in.held) == 0 {
			next += min(left, int64(rapid.SampledFrom([]int{1, 3, 100}).Draw(s.t, "chunk")))
		}
		in.held = append(in.held, s.records[i][s.trace.offset[i]:next]...)
		s.trace.offset[i], in.next = next, next
	}
	fmt.Fprintln(&s.trace.out, verb, args)
	switch verb {
	case "begins":
		for _, a := range s.trace.pushed {
			if rapid.Bool().Draw(s.t, "begins") {
				s.trace.event("begins", []string{a.Send.Id})
				break
			}
		}
	case "ack":
		for topic, log := range s.trace.log {
			s.acked[topic] = len(log)
		}
		s.trace.event(verb, args)
	default:
		s.trace.event(verb, args)
	}
	s.observe()
}

// answer is a result of any attempt that is in a lane.
func (s *sim) answer(verdict string) {
	var ids []string
	for id := range s.trace.atLane {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	s.result(rapid.SampledFrom(ids).Draw(s.t, "of"), verdict)
}

// miss gives back what its lane has not begun in time.
func (s *sim) miss() {
	for _, a := range s.trace.pushed {
		if a.Until != 0 && a.Until <= s.trace.now.UnixMilli() {
			s.neverBegan(s.known[a.Send.Id])
			s.event("result", a.Send.Id, "returned")
			return
		}
	}
}

// neverBegan is for an attempt that its lane gave back.
func (s *sim) neverBegan(k *known) {
	k.open = false
	if k.pushed--; k.pushed == 0 && !k.answered && k.lostAt.IsZero() {
		k.noMore = false
	}
}

func (s *sim) result(id, verdict string) {
	k := s.known[id]
	if s.trace.atLane[id] == nil { // another's result has let a newer one in that replaces it
		return
	}
	if verdict == "expired" { // only what has expired, and did not begin
		it := s.trace.atLane[id].Ref.(*item)
		if it.Expires > s.trace.now.UnixMilli() {
			return
		}
	}
	k.open, k.answered = false, true
	if verdict != "expired" {
		s.lastDone[k.by] = s.trace.now
	}
	switch verdict {
	case "accepted":
		k.accepted, k.noMore, k.maybe, k.mayHave = s.lives, k.noMore || k.by == "hold", k.by, k.way
	case "lost", "unknown":
		k.noMore, k.maybe, k.mayHave, k.doubtful = k.noMore || k.by == "hold", k.by, k.way, true
	}
	s.event("result", append([]string{id}, strings.Fields(verdict)...)...)
}

// crash is a death at any moment: Kafka may or may not have what it did not
// acknowledge, and a commit that nobody heard of.
func (s *sim) crash() {
	if rapid.Bool().Draw(s.t, "unheard") && !s.trace.refuse {
		p := s.trace.ask()
		s.observe()
		s.trace.cfg.Found = p.Inputs
	}
	for _, topic := range []string{"status", "ledger"} {
		log := s.trace.log[topic]
		s.trace.log[topic] = log[:rapid.IntRange(s.acked[topic], len(log)).Draw(s.t, "kept of "+topic)]
	}
	s.crashed = true
	for _, k := range s.order {
		k.doubtful = k.doubtful || !s.ended(k.id)
	}
	s.newLife()
}

func (s *sim) newLife() {
	var args []string
	if rapid.Bool().Draw(s.t, "lost disk") {
		args = []string{"lost-disk"}
	}
	for id := range s.trace.atLane {
		k := s.known[id]
		k.lostAt, k.noMore, k.maybe, k.mayHave = s.trace.now, k.noMore || k.by == "hold", k.by, k.way
	}
	for topic, log := range s.trace.log {
		s.acked[topic] = len(log)
	}
	s.count()
	s.lives++
	clear(s.lastDone)
	fmt.Fprintf(&s.trace.out, "restart %v %+v\n", args, s.trace.cfg.Found)
	s.trace.restart(args)
	// What is due at the instant of the take-over counts as the former owner's, also
	// what this one writes in the same millisecond.
	s.trace.now = s.trace.now.Add(time.Millisecond)
	s.event("turn")
}

// handOver waits until nothing is under way, commits that, and starts anew.
func (s *sim) handOver() {
	s.trace.refuse = false
	s.event("pause")
	for range 20 {
		for _, id := range s.atPlugins() {
			s.result(id, "accepted")
		}
		s.event("ack")
		if s.trace.ask().Quiet {
			s.event("commit")
			s.newLife()
			return
		}
		s.observe()
	}
	s.fatalf("it is never quiet")
}

func (s *sim) atPlugins() []string {
	var ids []string
	for id := range s.trace.atLane {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// finish lets all go well from here on, until every send has its outcome.
func (s *sim) finish() {
	s.trace.refuse = false
	for _, channel := range []string{"sms", "hold", "webhook", "pair", "pair-second"} {
		s.event("breaker", channel, "closed")
	}
	s.event("resume")
	for _, name := range []string{"p", "q", "r"} {
		s.halt("undo " + name)
	}
	for range 400 {
		for _, id := range s.atPlugins() {
			s.result(id, "accepted")
		}
		s.event("ack")
		s.event("tick", "10m")
	}
	s.count()
	for _, k := range s.order {
		if k.outcomes != 1 {
			s.fatalf("%s has %d outcomes", k.id, k.outcomes)
		}
	}
	for i, name := range []string{"sends", "sends.bulk"} {
		if low := s.trace.shard.Low(i); low != int64(len(s.records[i])) {
			s.fatalf("%s is done below %d of %d", name, low, len(s.records[i]))
		}
	}
	if sh := s.trace.shard; len(sh.chains) > 0 || len(sh.watched) > 0 || len(sh.live) > 0 || sh.loaded != 0 {
		s.fatalf("left over: %d chains, %d parked sends in memory, %d counted", len(sh.chains), len(sh.live), sh.loaded)
	}
}

// observe checks what the shard has done since the last time.
func (s *sim) observe() {
	s.trace.writeEffects()
	text := s.trace.out.String()[s.read:]
	s.read = s.trace.out.Len()
	s.passedOver(text)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if strings.Contains(line, "taken_over") || strings.Contains(line, " unknown attempt=") {
			s.known[fields[2]].doubtful = true // also of what a crash before it has left in doubt
		}
		switch {
		case len(fields) == 5 && fields[1] == "lane" && strings.HasPrefix(fields[4], "attempt"):
			s.attempt(s.known[fields[3]], strings.TrimSuffix(fields[2], ":"))
		case strings.Contains(line, "gives back"):
			s.neverBegan(s.known[fields[len(fields)-1]])
		case strings.Contains(line, " superseded "):
			if k := s.known[fields[2]]; k.collapse == "" || k.open || k.maybe != "" {
				s.fatalf("%s is replaced, and may have been sent: %+v", k.id, k)
			}
		case strings.Contains(line, "time:order_wait"):
			s.outwaited(s.known[fields[2]], true)
		case strings.Contains(line, " in_doubt "):
			s.known[fields[2]].doubted = s.trace.cfg.TakenOver
		case strings.Contains(line, "taken_over") && !s.crashed:
			s.fatalf("in doubt after hand-overs in order: %s", line)
		case strings.Contains(line, "failed:"):
			s.fatalf("%s", line)
		}
	}
	s.bounded()
	s.recalled()
	s.capped()
}

// attempt checks that one may begin.
func (s *sim) attempt(k *known, way string) {
	now, channel := s.trace.now, strings.TrimSuffix(way, "-second")
	if was := strings.TrimSuffix(k.mayHave, "-second"); was == channel && k.mayHave != way {
		s.fatalf("%s may have been sent by %s, and goes on by %s", k.id, k.mayHave, way)
	}
	k.way = way
	was := slices.Index(k.channels, k.by)
	k.by = channel
	canceled, paused := s.haltedNow(k)
	switch {
	case canceled:
		s.fatalf("%s begins, and is canceled", k.id)
	case paused && !s.trace.atLane[k.id].Ref.(*item).resent():
		s.fatalf("%s begins, and is paused", k.id)
	case slices.Index(k.channels, channel) < was:
		s.fatalf("%s comes back to %s", k.id, channel)
	case k.maybe != "" && k.maybe != channel && !k.unknown:
		s.fatalf("%s goes to %s, and %s may have sent it", k.id, channel, k.maybe)
	case k.noMore && channel == "hold":
		s.fatalf("%s is sent again, and its channel holds", k.id)
	case k.accepted == s.lives:
		s.fatalf("%s is sent again, and nothing broke", k.id)
	case k.open && !k.lostAt.IsZero() && now.Before(k.lostAt.Add(10*time.Second)):
		s.fatalf("%s may still be under way", k.id)
	}
	if k.pushed == 0 && k.key != "" && !k.scheduled {
		for _, before := range s.order {
			if before.key != k.key || before.input != k.input || before.offset >= k.offset || before.scheduled {
				continue
			}
			// Of an attempt that was announced and may not have begun.
			since := before.doubted
			if since.IsZero() && before.channel != "sms" && before.life < s.lives {
				since = s.trace.cfg.TakenOver
			}
			over := !since.IsZero() && !now.Before(since.Add(10*time.Second))
			over = over || before.canceled || before.skipped || s.replaced(before) || !before.expires.IsZero() && !now.Before(before.expires)
			if !before.answered && !s.ended(before.id) && !over {
				s.fatalf("%s begins before %s", k.id, before.id)
			}
		}
	}
	s.paired(k)
	for _, newer := range s.order {
		if k.collapse != "" && newer.collapse == k.collapse && newer.input == k.input && newer.offset > k.offset &&
			newer.began == s.lives && newer.beganAt < s.events && k.life == s.lives && k.pushed == 0 {
			s.fatalf("%s begins behind %s, which is newer", k.id, newer.id)
		}
	}
	k.began, k.beganAt = s.lives, s.events
	k.pushed++
	k.open, k.lostAt = true, time.Time{}
}

func (s *sim) ended(id string) bool {
	for _, r := range s.trace.log["status"] {
		if e, err := send.ParseStatus(r.Value, r.Headers); err == nil && e.Id == id && e.Kind == carillonv1.Kind_KIND_OUTCOME {
			return true
		}
	}
	return false
}

// count counts the outcomes that Kafka has kept.
func (s *sim) count() {
	for _, k := range s.order {
		k.outcomes = 0
	}
	for _, r := range s.trace.log["status"] {
		e, err := send.ParseStatus(r.Value, r.Headers)
		if err != nil || e.Kind != carillonv1.Kind_KIND_OUTCOME {
			continue
		}
		if e.Status == carillonv1.State_STATE_DUPLICATE {
			s.fatalf("%s is a duplicate of itself", e.Id)
		}
		s.known[e.Id].outcomes++
	}
}

// reserved checks that nothing is given to a lane that the broker has not been
// told of.
func (s *sim) reserved(a *lane.Attempt) {
	found, it := s.trace.cfg.Found, a.Ref.(*item)
	if it.line.way.Health().Rests(s.trace.now) {
		s.fatalf("%s goes to a lane whose account is left alone", a.Send.Id)
	}
	if t := s.trace.cfg.Timing; t != nil {
		q, zone := t.quietFor(a.Send, it.channel)
		quiet, until := q.Hours.At(s.trace.now, zone)
		// What was announced is not looked at again: its lane does, by Until.
		if quiet && a.Until == 0 || a.Until > until.UnixMilli() && !until.IsZero() {
			s.fatalf("%s goes to a lane in quiet hours until %v, and may begin until %d", a.Send.Id, until, a.Until)
		}
	}
	if it.input != noInput && it.offset >= found[it.input].Reserved {
		s.fatalf("%s goes to a lane, and only what is below %d is reserved", a.Send.Id, found[it.input].Reserved)
	}
	loaded := 1
	for _, other := range s.trace.atLane {
		if s.trace.shard.live[other.Ref.(*item).key] {
			loaded++
		}
	}
	if s.trace.shard.live[it.key] && loaded > found[intake.Urgent].Parked {
		s.fatalf("%d parked sends are at lanes, and %d are reserved", loaded, found[intake.Urgent].Parked)
	}
}

func (s *sim) bounded() {
	for i := range s.trace.shard.inputs {
		tr := s.trace.shard.inputs[i].tracker
		if tr.Open() > 0 && tr.next > tr.low+tr.span || tr.Open() > s.trace.cfg.Window {
			s.fatalf("%s has %d open from %d to %d", s.trace.cfg.Topics.input(i), tr.Open(), tr.low, tr.next)
		}
	}
}
