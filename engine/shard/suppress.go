package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/suppress"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Who must not be sent to is looked up when a send is routed, and once more right
// before its attempt if anything was added since. What waits in lanes meanwhile is
// taken back.

// Suppressions says to whom nothing may go. The shard's goroutine alone calls it.
// A channel's Recipient and Address are about sends by it; those of the channel ""
// are about all of a send's channels.
type Suppressions interface {
	// Version is another one after each addition; 0 is while there is nothing.
	Version() uint64
	Recipient(app, id, channel string, class carillonv1.Class, now time.Time) suppress.Code
	Address(app, address, channel string, class carillonv1.Class, now time.Time) suppress.Code
	// Dead makes the record that suppresses an address for an app's sends by a
	// channel; ok is false where nothing can be suppressed.
	Dead(app, channel, address, code string, until, now time.Time) (r kafka.Record, ok bool)
}

// suppressing is what a shard knows of it. Its loop alone uses it.
type suppressing struct {
	heeded   uint64 // the version that lanes were looked through for
	heededAt time.Time
}

// suppressions returns the version to go by; 0 is while nothing is suppressed.
func (s *Shard) suppressions() uint64 {
	if s.env.Suppressions == nil {
		return 0
	}
	return s.env.Suppressions.Version()
}

// suppressed returns why nothing may go to the item's recipient by a channel, or,
// where that is "", by any; nil where it may.
func (s *Shard) suppressed(it *item, channel string, address *channelv1.Address, now time.Time) *carillonv1.Reason {
	if it.checked == 0 { // there was nothing when it was routed
		return nil
	}
	m := it.Send
	code := s.env.Suppressions.Recipient(m.App, m.To.Id, channel, m.Class, now)
	if code == suppress.None && address != nil {
		code = s.env.Suppressions.Address(m.App, address.Value, channel, m.Class, now)
	}
	switch code {
	case suppress.None:
		return nil
	case suppress.AddressDead:
		return why("recipient", code.String())
	default:
		return why("policy", code.String())
	}
}

// isSuppression says whether that is why a send has no route.
func isSuppression(r *carillonv1.Reason) bool {
	code, ok := suppress.ParseCode(r.GetCode())
	return ok && (code == suppress.AddressDead) == (r.Class == "recipient")
}

// suppressedSince says whether something was added since the item was routed that
// is about it and the way it takes.
func (s *Shard) suppressedSince(it *item, now time.Time) bool {
	v, was := s.suppressions(), it.checked
	if v == was || fault.Mutant(fault.SuppressedGoesOut) {
		return false
	}
	it.checked = v
	if s.suppressed(it, it.channel, it.Address, now) == nil {
		return false
	}
	it.checked = was // who considers it anew is to find it as well
	return true
}

// recallEvery is how often lanes are looked through at most, while suppressions
// are added without end.
const recallEvery = 200 * time.Millisecond

// recallSuppressed takes back from the lanes what must not go any more, and
// returns how long there is nothing to do.
func (s *Shard) recallSuppressed(now time.Time) time.Duration {
	const noEnd = time.Hour
	v := s.suppressions()
	if v == s.heeded {
		return noEnd
	}
	if left := recallEvery - now.Sub(s.heededAt); left > 0 {
		return left
	}
	s.heeded, s.heededAt = v, now
	for _, l := range s.inOrder {
		if other := s.byLane[l.way][0]; !l.bulk || other == nil { // once per lane
			l.way.Recall(s, func(a *lane.Attempt) bool { return s.suppressedSince(a.Ref.(*item), now) })
		}
	}
	return noEnd
}

// Look has the shard look whether anything was added, from any goroutine.
func (s *Shard) Look() { s.mail.signal() }

// bury suppresses an address of which the provider says that nobody is there. The
// record goes with the send's outcome. The partition is every node's, and the
// shard's ownership does not fence it: the record says the same whoever writes it,
// and however often.
func (s *Shard) bury(it *item, r *lane.Result, now time.Time) {
	dead := s.cfg.Policies[it.channel].DeadFor
	if r.Outcome != lane.Answered || r.Verdict.Verdict != channelv1.Verdict_VERDICT_REJECTED ||
		r.Verdict.Class != channelv1.Class_CLASS_RECIPIENT || dead == 0 || it.Address == nil || s.env.Suppressions == nil {
		return
	}
	rec, ok := s.env.Suppressions.Dead(it.Send.App, it.channel, it.Address.Value, cleanCode(r.Verdict.Code), now.Add(dead), now)
	if ok {
		s.pend.move(kafka.Partition{Topic: s.cfg.Topics.Suppressions}, rec)
	}
}
