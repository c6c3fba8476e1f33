package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

const noInput = ledger.NoInput

// admit takes in what the readers have brought, urgent first, while the window
// has room.
func (s *Shard) admit(now time.Time) {
	for i := range s.inputs {
		in := &s.inputs[i]
		for len(in.held) > 0 && in.tracker.Open() < s.cfg.Window && in.open(in.held[0].Offset) {
			s.admitOne(i, &in.held[0], now)
			in.held = in.held[1:]
		}
		if len(in.held) == 0 {
			in.chunk.Release()
			in.tracker.SkipTo(in.next)
		}
	}
}

// open says whether a record may be begun: it is reserved, and not too far
// above the watermark.
func (in *input) open(offset int64) bool {
	return (offset < in.ahead.gate || fault.Mutant(fault.SkipReservation)) && in.tracker.Fits(offset)
}

func (s *Shard) admitOne(i int, rec *intake.Item, now time.Time) {
	in := &s.inputs[i]
	in.tracker.Begin(rec.Offset)
	if in.done[rec.Offset] {
		delete(in.done, rec.Offset)
		in.tracker.Finish(rec.Offset)
		s.env.Observer.Redelivered()
		return
	}
	switch {
	case rec.Invalid != nil:
		s.env.Observer.Invalid(rec.Invalid.Code)
		s.pend.invalidate(uint8(i), rec)
	case rec.Shard != s.cfg.ID:
		s.env.Observer.Forwarded(s.cfg.Topics.input(i))
		s.pend.forward(s.cfg.Topics.input(i), uint8(i), rec)
	default:
		s.admitSend(uint8(i), rec, now)
	}
}

func (s *Shard) admitSend(i uint8, rec *intake.Item, now time.Time) {
	it := new(item) // filled in where it is: half a KB is not to be copied
	it.key = send.KeyOf(rec.Send.App, rec.Send.To.Id, rec.Send.Id)
	it.source, it.origin, it.input, it.offset, it.accepted = rec.Source, originOf(rec.Source), i, rec.Offset, rec.Accepted
	it.Send, it.Bulk = rec.Send, i == intake.Bulk
	if rec.Offset < s.cfg.Found[i].Reserved && !fault.Mutant(fault.DoubtNotSeen) {
		it.doubt = mayBeOpen
	}
	s.inputs[i].tracker.Hold(rec.Offset, it)
	if mark, seen := s.env.Ledger.Seen(it.key, now); seen {
		if mark.Origin == it.origin && !fault.Mutant(fault.RedeliveryIsDuplicate) {
			s.env.Observer.Redelivered()
			s.pend.skip(it)
			return
		}
		it.reason = why("duplicate", codeSeen)
		s.end(it, carillonv1.State_STATE_DUPLICATE, "", now)
		return
	}
	if i == intake.Urgent && it.Send.Class == carillonv1.Class_CLASS_MARKETING {
		s.env.Observer.MarketingOnUrgent()
	}
	if !fault.Mutant(fault.DedupeAfterDispatch) {
		s.env.Ledger.Admit(it.key, it.origin, now)
	}
	if s.cfg.Routes != nil {
		s.resolveRoutes(it, now)
	}
	s.consider(it, now)
}

// consider decides what is next for a send that is new, or was parked and has
// fallen due.
func (s *Shard) consider(it *item, now time.Time) {
	if it.held {
		it.reason = why("provider", codeLostAnswer)
		if !s.fallBack(it, carillonv1.State_STATE_UNKNOWN, it.reason, now) {
			s.end(it, carillonv1.State_STATE_UNKNOWN, "", now)
		}
		return
	}
	way, address, fault := s.route(it, now)
	it.Expires = s.expiry(it, way)
	if it.ordered {
		s.join(it)
	}
	switch {
	case it.Expires <= now.UnixMilli():
		if it.doubt == mayBeOpen && way != nil && s.tried(it, way) {
			it.unknown++
		}
		s.expire(it, now)
	case s.halts != nil && s.canceled(it, way, now):
	case fault == nil && s.collapsed(it, now):
	case it.Send.SendAt.AsTime().After(now) && it.Send.SendAt != nil:
		s.release(it)
		s.parkUntilTime(it, way, it.Send.SendAt.AsTime(), codeNotYet, now)
	case fault != nil:
		s.unroutable(it, fault, now)
	default:
		it.Address = address
		s.join(it)
		if it.member != nil && !it.member.first() && it.doubt != wasOpen {
			s.wait(it, way, now)
			return
		}
		s.dispatch(it, way, now)
	}
}

// dispatch gives a send to its line, unless it has to wait for something else, or
// has ended.
func (s *Shard) dispatch(it *item, way Lane, now time.Time) {
	if s.resolve(it, way, now) || s.superseded(it, now) || s.halts != nil && s.pausedNow(it, way, now) {
		return
	}
	switch {
	case !s.inTime(it, way, now) || s.leftAlone(it, way, now):
	case it.strays(way):
		s.divert(it, way, now)
	case s.underCaps(it, way, now):
		s.enqueue(it, way, now)
	}
}

// unroutable ends a send that no channel takes, or takes any more.
func (s *Shard) unroutable(it *item, fault *carillonv1.Reason, now time.Time) {
	state := carillonv1.State_STATE_REJECTED
	if isSuppression(fault) {
		state = carillonv1.State_STATE_SUPPRESSED
		s.wasTried(it)
		s.env.Observer.Suppressed(fault.Code)
	}
	it.reason = fault
	s.end(it, it.surely(state), "", now)
}

// expiry returns when the send loses its worth, in Unix milliseconds.
func (s *Shard) expiry(it *item, way Lane) int64 {
	if it.Send.ExpiresAt != nil {
		return it.Send.ExpiresAt.AsTime().UnixMilli()
	}
	ttl := s.cfg.DefaultTTL
	if way != nil {
		channel, _ := way.Name()
		if t := s.cfg.Policies[channel].TTL[it.Send.Class]; t > 0 {
			ttl = t
		}
	}
	return it.dueFirst().Add(ttl).UnixMilli()
}

// expire ends a send whose time has passed. One that may have been sent ends
// unknown: nobody can say that it was not.
func (s *Shard) expire(it *item, now time.Time) {
	s.expireFor(it, codePastExpiry, now)
}

func (s *Shard) expireFor(it *item, code string, now time.Time) {
	if it.maybeSent() && !fault.Mutant(fault.UnknownExpires) {
		it.reason = why("provider", codeLostAnswer)
		s.end(it, carillonv1.State_STATE_UNKNOWN, "", now)
		return
	}
	it.reason = why("time", code)
	s.end(it, carillonv1.State_STATE_EXPIRED, "", now)
}
