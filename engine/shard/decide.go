package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// An operator decides what becomes of a send that is held in doubt. The decision
// is about one attempt, and it is carried out by one landing: the row leaves the
// queue of those that are held, with a status event that says so. A decision
// that comes again, as after a crash between the landing and the word that it
// landed, finds nothing held under that attempt.

// Decide carries out an operator's decision on a send of the shard's, from any
// goroutine. Env.Decided is told what became of it; of one that the shard did
// not come to, because it was stopped or failed, it is not told anything.
func (s *Shard) Decide(d *controlv1.Doubt) { s.mail.decide(d) }

// decide carries out what can be now. What is about a send that is on its way
// to Kafka waits: it may be held when that has landed.
func (s *Shard) decide(now time.Time) {
	if len(s.decisions) == 0 {
		return
	}
	flying := map[send.Key]bool{}
	for _, f := range append(s.flying[:len(s.flying):len(s.flying)], s.pend) {
		for i := range f.batch.Drop {
			flying[f.batch.Drop[i].Key] = true
		}
		for i := range f.batch.Park {
			flying[f.batch.Park[i].Key] = true
		}
	}
	var wait []*controlv1.Doubt
	for _, d := range s.decisions {
		k := send.KeyOf(d.App, d.Recipient, d.Id)
		if flying[k] {
			wait = append(wait, d)
			continue
		}
		it := s.held(k, d.Attempt)
		if it == nil {
			s.env.Decided(d, false)
			continue
		}
		flying[k], s.live[k] = true, false
		s.carryOut(d, it, now)
	}
	s.decisions = wait
}

// held returns the send where it is held because of that attempt.
func (s *Shard) held(k send.Key, attempt uint32) *item {
	if _, here := s.live[k]; here {
		return nil
	}
	value, err := s.env.Ledger.Get(k)
	if err != nil {
		s.fail("read a send in doubt", err)
	}
	if value == nil {
		return nil
	}
	var p ledgerv1.Parked
	if err := p.UnmarshalVT(value); err != nil {
		s.fail("read a send in doubt", err)
		return nil
	}
	if !p.Held || p.Attempt != attempt && !fault.Mutant(fault.DecisionForAll) {
		return nil
	}
	return unpark(k, &p)
}

func (s *Shard) carryOut(d *controlv1.Doubt, it *item, now time.Time) {
	s.pend.decided = append(s.pend.decided, d)
	it.held = false
	if d.Decision != controlv1.Decision_DECISION_RESEND {
		it.reason = why(ClassOperator, CodeDropped)
		s.end(it, carillonv1.State_STATE_UNKNOWN, "", now)
		return
	}
	way, _, _ := s.route(it, now)
	if it.Expires = s.expiry(it, way); it.Expires <= now.UnixMilli() {
		s.expire(it, now)
		return
	}
	it.reason = why(ClassOperator, CodeResend)
	s.parkIn(queueName(it.channel, it.account, it.Bulk), it, now, now)
}
