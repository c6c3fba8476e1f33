package shard

import (
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// A send names channels in order. Where one has failed for good, in a way that
// another can mend, the next usable one is taken. That is written before the
// next one is tried: a row of the ledger says which channels the send has done
// with, so that no crash brings it back to one of them once another may have
// sent it. Attempts, retries and the provider's key are those of each channel by
// itself; the send's expiry is that of all.

// endOf names the end of a channel as a send's `fallback.on` does; "" is one that
// no other channel mends.
func endOf(state carillonv1.State, class string) string {
	switch state {
	case carillonv1.State_STATE_UNKNOWN:
		if fault.Mutant(fault.FallbackAfterUnknown) {
			return "attempts"
		}
		return "unknown"
	case carillonv1.State_STATE_FAILED, carillonv1.State_STATE_REJECTED:
		return class
	default:
		return ""
	}
}

// goesOn says whether the next channel follows such an end.
func (s *Shard) goesOn(it *item, end string) bool {
	on := s.cfg.FallbackOn
	if it.Send.Fallback != nil {
		on = it.Send.Fallback.On
	}
	return len(it.Send.Channels) > 1 && slices.Contains(on, end)
}

// fallBack hands a send over to its next channel, where there is one that may
// mend how this one has ended.
func (s *Shard) fallBack(it *item, state carillonv1.State, reason *carillonv1.Reason, now time.Time) bool {
	if !s.goesOn(it, endOf(state, reason.GetClass())) || it.outdone() {
		return false
	}
	it.giveUp(reason)
	way, _, _ := s.route(it, now)
	if way == nil || s.expiry(it, way) <= now.UnixMilli() {
		it.path = slices.DeleteFunc(it.path, func(p *carillonv1.Step) bool { return p.Channel == it.channel })
		return false
	}
	s.handOver(it, way, reason, now)
	return true
}

// handOver writes that a send goes on by another channel, and why. It is taken up
// again when that has landed.
func (s *Shard) handOver(it *item, way Lane, reason *carillonv1.Reason, now time.Time) {
	it.reason, it.held = reason, false
	s.pend.status(it, it.event(&s.scratch, carillonv1.State_STATE_FALLBACK, now), s.cfg.Protobuf)
	s.env.Observer.Progress(it.channel, carillonv1.State_STATE_FALLBACK, reason.GetClass())
	it.channel, it.account = way.Name()
	s.leftMemory(it)
	it.failed, it.unknown, it.line = 0, 0, nil
	s.write(queueName(it.channel, it.account, it.Bulk), it, now)
}

// giveUp notes that the send has done with its channel.
func (it *item) giveUp(reason *carillonv1.Reason) {
	it.path = append(it.path, &carillonv1.Step{
		Channel: it.channel, Account: it.account, Attempts: it.made - it.before(), Reason: reason, Unknown: it.unknown > 0,
	})
}

// passOver notes that a channel is not usable, as long as that is so.
func (it *item) passOver(channel string, reason *carillonv1.Reason) {
	if len(it.Send.Channels) < 2 {
		return
	}
	for _, p := range it.path {
		if p.Channel == channel && p.Attempts == 0 {
			p.Reason = reason
			return
		}
	}
	it.path = append(it.path, &carillonv1.Step{Channel: channel, Reason: reason})
}

func (it *item) passNoMore(channel string) {
	if len(it.path) > 0 {
		it.path = slices.DeleteFunc(it.path, func(p *carillonv1.Step) bool { return p.Channel == channel && p.Attempts == 0 })
	}
}

// gaveUp says whether the send has done with a channel that tried it.
func (it *item) gaveUp(channel string) bool {
	return !fault.Mutant(fault.PathForgotten) &&
		slices.ContainsFunc(it.path, func(p *carillonv1.Step) bool { return p.Channel == channel && p.Attempts > 0 })
}

// before is how many attempts were made by the channels before this one.
func (it *item) before() (attempts uint32) {
	for _, p := range it.path {
		attempts += p.Attempts
	}
	return attempts
}

// maybeSent says whether an answer was lost, by this channel or one before.
func (it *item) maybeSent() bool {
	return it.unknown > 0 || slices.ContainsFunc(it.path, func(p *carillonv1.Step) bool { return p.Unknown })
}

// surely is the state of a send whose channel surely did not send it: nobody can
// say that of the send where an answer was lost before.
func (it *item) surely(state carillonv1.State) carillonv1.State {
	if state != carillonv1.State_STATE_SENT && it.maybeSent() {
		return carillonv1.State_STATE_UNKNOWN
	}
	return state
}
