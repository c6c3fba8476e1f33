package shard

import (
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/limit"
	"github.com/carillonhq/carillon/engine/send"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// Why a send waits, for an operator who asks. It changes nothing.

// seer is a lane that can say where an attempt is.
type seer interface {
	Find(o lane.Owner, now time.Time, match func(ref any) bool) (lane.Sighting, bool)
}

// explain fills in what the shard knows of a question; it runs in the loop, and
// must be quick. A question that shards know nothing of is done without an
// answer.
func (s *Shard) explain(q *controlv1.Query, reply *controlv1.ShardReply, now time.Time) {
	if ask := q.GetExplain(); ask != nil {
		x := s.whereIs(send.KeyOf(ask.App, ask.Recipient, ask.Id), now)
		x.UrgentReadMs, x.BulkReadMs = s.Newest(0), s.Newest(1)
		reply.Answer = &controlv1.ShardReply_Explanation{Explanation: x}
	}
}

func (s *Shard) whereIs(k send.Key, now time.Time) *controlv1.Explanation {
	mark, seen := s.env.Ledger.Seen(k, now)
	switch {
	case !seen:
		return &controlv1.Explanation{Place: controlv1.Place_PLACE_NOT_KNOWN}
	case mark.Settled:
		return &controlv1.Explanation{Place: controlv1.Place_PLACE_ENDED}
	}
	if x := s.inMemory(k, now); x != nil {
		return x
	}
	value, err := s.env.Ledger.Get(k)
	var p ledgerv1.Parked
	if err != nil || value == nil || p.UnmarshalVT(value) != nil {
		return &controlv1.Explanation{Place: controlv1.Place_PLACE_SETTLING} // what it became is on its way to Kafka
	}
	it := unpark(k, &p)
	way, _, _ := s.route(it, now)
	it.Expires = s.expiry(it, way)
	x := it.explained(controlv1.Place_PLACE_PARKED)
	if x.UntilMs = p.DueMs; p.Held {
		x.Place = controlv1.Place_PLACE_IN_DOUBT
	}
	if p.Turn == ledgerv1.Turn_TURN_BEHIND {
		x.UntilMs = 0
		s.explainTurn(x, k)
	}
	if p.Open {
		x.UntilMs = 0
	}
	return x
}

// inMemory looks for a send in the lines, in the lanes, and among those that wait
// for their turn; nil where it is in none.
func (s *Shard) inMemory(k send.Key, now time.Time) *controlv1.Explanation {
	for _, l := range s.inOrder {
		for a := range l.waiting.All() {
			if it := a.Ref.(*item); it.key == k {
				x := it.explained(controlv1.Place_PLACE_IN_SHARD)
				x.SinceMs = it.since.UnixMilli()
				return x
			}
		}
		for _, it := range l.later {
			if it.key == k {
				x := it.explained(controlv1.Place_PLACE_IN_SHARD)
				x.SinceMs = it.since.UnixMilli()
				keptBy(x, it.Limit, it.NotBefore)
				return x
			}
		}
		way, ok := l.way.(seer)
		if !ok || l.inLane == 0 {
			continue
		}
		if at, ok := way.Find(s, now, func(ref any) bool { return ref.(*item).key == k }); ok {
			return sighted(at)
		}
	}
	for i := range s.waits {
		for _, it := range s.waits[i] {
			if it.key == k && it.behindOthers() {
				x := it.explained(controlv1.Place_PLACE_BEHIND)
				x.SinceMs = it.since.UnixMilli()
				s.explainTurn(x, k)
				return x
			}
		}
	}
	return nil
}

func sighted(at lane.Sighting) *controlv1.Explanation {
	it := at.Ref.(*item)
	if !at.Open {
		x := it.explained(controlv1.Place_PLACE_IN_LANE)
		x.SinceMs = it.since.UnixMilli()
		x.Attempts-- // its own has not begun
		if at.Limited {
			keptBy(x, at.Limit, at.Opens.UnixMilli())
		}
		return x
	}
	x := it.explained(controlv1.Place_PLACE_OPEN)
	x.SinceMs, x.UntilMs = at.Began.UnixMilli(), at.Deadline.UnixMilli()
	return x
}

// keptBy says that a limit keeps it, as the event of one that is parked for it
// does.
func keptBy(x *controlv1.Explanation, d limit.Dimension, until int64) {
	x.ReasonClass, x.ReasonCode, x.UntilMs = "throttle", limits[d], until
}

// explainTurn says which sends of its ordering key go before one, for how long it
// waits for them at most, and what follows then.
func (s *Shard) explainTurn(x *controlv1.Explanation, k send.Key) {
	for _, c := range s.chains {
		i := slices.IndexFunc(c.members, func(m *member) bool { return m.key == k })
		if i <= 0 {
			continue
		}
		x.Before = int64(i)
		if first := c.members[0]; first.it != nil {
			x.BehindId = first.it.Send.Id
		} else if p := s.rowOf(first); p != nil {
			x.BehindId = p.Send.Id
		}
		if m := c.members[i]; !m.until().IsZero() {
			x.UntilMs, x.Then = m.until().UnixMilli(), "skip"
			if m.wait.Expire {
				x.Then = "expire"
			}
		}
	}
}

// explained is what is known of an item wherever it is.
func (it *item) explained(at controlv1.Place) *controlv1.Explanation {
	return &controlv1.Explanation{
		Place: at, Channel: it.channel, Account: it.account, Bulk: it.Bulk, Attempts: it.made,
		ReasonClass: it.reason.GetClass(), ReasonCode: it.reason.GetCode(),
		AcceptedMs: it.accepted.UnixMilli(), ExpiresMs: it.Expires, Campaign: it.Send.Campaign,
	}
}
