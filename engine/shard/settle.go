package shard

import (
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// settle takes a result from a lane.
func (s *Shard) settle(r *lane.Result, now time.Time) {
	it := r.Ref.(*item)
	l := it.line
	s.leftLane(it, r, now)
	if r.Outcome == lane.Returned || r.Outcome == lane.Limited {
		s.unbegun(it, r.Outcome, now)
		return
	}
	it.open = false
	s.release(it)
	if r.Outcome == lane.Expired {
		it.made--
		s.leave(it)
		s.expire(it, now)
		return
	}
	health := l.way.Health()
	s.count(it, r, health)
	s.bury(it, r, now)
	policy := s.cfg.Policies[it.channel]
	n := decide(r, policy, knowsKey(it, l.way.About(), now), history{it.made - it.before(), it.failed, it.unknown, health.State != lane.Closed}, s.env.Jitter())
	if n.do == park {
		n.delay += s.untilProbe(l, health, now) // behind those that were not tried
	}
	if n.pause > 0 {
		l.way.Pause(now.Add(n.pause))
	}
	if s.halts != nil && s.overtaken(it, &n, now) {
		return
	}
	if n.do == resend && !s.paused && !s.stopping {
		it.reason, it.since, it.unsaved = n.reason, now, true
		l.push(it)
		return
	}
	s.leave(it)
	if n.do == park && s.superseded(it, now) {
		return
	}
	if (n.do == end || n.do == hold) && s.fallBack(it, n.state, n.reason, now) {
		return
	}
	switch n.do {
	case end:
		it.reason = n.reason
		s.end(it, it.surely(n.state), providerID(r), now)
	case hold:
		it.reason, it.held = n.reason, true
		s.parkIn(heldQueue, it, now.Add(n.delay), now)
	case park, resend:
		it.reason = n.reason
		s.parkIn(l.name, it, now.Add(n.delay), now)
	}
}

// unbegun is for an attempt that its lane gave back.
func (s *Shard) unbegun(it *item, o lane.Outcome, now time.Time) {
	switch {
	case !it.open && !s.stopping && it.outdone():
		it.made--
		s.leave(it)
		s.supersede(it, now)
	case o == lane.Limited:
		s.limited(it, now)
	default:
		s.takeBack(it, now)
	}
}

// count counts the attempt against the send, unless it only shows what is known
// of its account.
func (s *Shard) count(it *item, r *lane.Result, h lane.Health) {
	switch {
	case r.Outcome == lane.Tested:
		it.made--
	case r.Outcome == lane.Lost:
		it.unknown++
	default:
		switch r.Verdict.Verdict {
		case channelv1.Verdict_VERDICT_FAILED, channelv1.Verdict_VERDICT_REJECTED:
			if h.State == lane.Closed {
				it.failed++
			}
		case channelv1.Verdict_VERDICT_UNKNOWN, channelv1.Verdict_VERDICT_UNSPECIFIED:
			it.unknown++
		}
	}
}

func providerID(r *lane.Result) string {
	if r.Outcome != lane.Answered {
		return ""
	}
	id := r.Verdict.ProviderMessageId
	if len(id) > 256 {
		id = id[:256]
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return ""
		}
	}
	return id
}

// end publishes a send's outcome.
func (s *Shard) end(it *item, state carillonv1.State, providerID string, now time.Time) {
	s.release(it)
	if it.Send.CollapseKey != "" && state != carillonv1.State_STATE_DUPLICATE {
		s.forgetVersion(it)
	}
	e := it.event(&s.scratch, state, now)
	e.ProviderMessageId = providerID
	s.pend.status(it, e, s.cfg.Protobuf)
	if state == carillonv1.State_STATE_DUPLICATE {
		s.pend.skip(it) // the id belongs to another record
	} else {
		s.pend.settled(it)
		s.countOutcome(it, e)
	}
	s.env.Observer.Settled(it.channel, it.Send.Class, state, now.Sub(it.accepted))
}

// parkIn writes a send to the ledger, to be taken up again when due, or when it
// expires if that is sooner.
func (s *Shard) parkIn(queue string, it *item, due, now time.Time) {
	state := carillonv1.State_STATE_PARKED
	if it.held {
		state = carillonv1.State_STATE_IN_DOUBT
	} else if end := time.UnixMilli(it.Expires); it.Expires != 0 && end.Before(due) {
		due = end
		if due.Before(now) { // nothing may stand before what is loaded already
			due = now
		}
	}
	s.leftMemory(it)
	e := it.event(&s.scratch, state, now)
	if it.held || it.turn() != ledgerv1.Turn_TURN_BEHIND { // nobody knows when it is its turn
		e.NextAt = setTime(&s.scratch.to, due)
	}
	s.pend.status(it, e, s.cfg.Protobuf)
	s.write(queue, it, due)
	it.line = nil
	s.env.Observer.Progress(it.channel, state, it.reason.GetClass())
}

// fail makes Run return. Nothing is lost by it: what is not yet acknowledged is
// read again.
func (s *Shard) fail(doing string, err error) {
	if s.failed == nil {
		s.failed = fmt.Errorf("shard %d: %s: %w", s.cfg.ID, doing, err)
	}
}

// acknowledged notes Kafka's answer to one write of a flight.
func (s *Shard) acknowledged(a ack) {
	if a.err != nil {
		s.fail("write to "+a.to.String(), a.err)
		return
	}
	f := a.flight
	f.missing--
	switch a.part {
	case statusPart:
		f.batch.Pos.Status = a.base + int64(len(f.records[statusPart]))
	case ledgerPart:
		f.batch.Pos.Ledger = a.base + int64(len(f.records[ledgerPart]))
	}
}

// land applies the flights that Kafka has in full, in their order, and only
// then marks their input done.
func (s *Shard) land() {
	for len(s.flying) > 0 && (s.flying[0].missing == 0 || fault.Mutant(fault.PebbleFirst)) && s.failed == nil {
		f := s.flying[0]
		s.flying = s.flying[1:]
		s.unacked -= len(f.batch.Entries)
		for i := range s.inputs {
			f.batch.Low[i] = s.inputs[i].tracker.Low()
		}
		fault.Point(fault.AfterAckBeforeApply)
		if err := s.env.Ledger.Apply(&f.batch); err != nil {
			s.fail("apply to the ledger", err)
			return
		}
		fault.Point(fault.AfterApply)
		for i := range f.batch.Drop {
			s.unload(f.batch.Drop[i].Key)
		}
		for i := range f.batch.Park {
			s.unload(f.batch.Park[i].Key)
		}
		if len(f.batch.Drop)+len(f.batch.Park) > 0 {
			s.publishParked()
		}
		s.ending.landed(f)
		s.waking.landed(f)
		s.finish(f)
		for _, o := range f.over {
			s.pend.drop(o)
		}
		for _, m := range f.rows {
			s.landedRow(m)
		}
		for _, v := range f.versions {
			s.landedVersion(v, s.env.Now())
		}
		s.begin(f.opened, s.env.Now())
		for _, d := range f.decided {
			s.env.Decided(d, true)
		}
		f.reset()
		s.landed = append(s.landed, f)
	}
}

// finish marks the flight's input done.
func (s *Shard) finish(f *flight) {
	for i := range f.batch.Entries {
		if e := &f.batch.Entries[i]; e.Input != ledger.NoInput {
			s.inputs[e.Input].tracker.Finish(e.Offset)
		}
	}
}
