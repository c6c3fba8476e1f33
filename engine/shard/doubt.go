package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/send"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// In doubt is what a former owner may have tried without anybody knowing the
// result: records that it had reserved and that are not done, parked sends that
// it may have loaded, and what it wrote as open. An attempt of its may still go
// on until the channel's deadline, so those sends are parked until then, and all
// others go on at once.
//
// A channel that announces its attempts has told which of them were tried. There
// the open ones are held, and the rest goes on at once as well.

// doubt is why a send may have been tried by a former owner.
type doubt uint8

const (
	noDoubt   doubt = iota
	mayBeOpen       // it was reserved
	wasOpen         // it was written as open
)

// grace is what a lane gives an attempt on top of its deadline.
const grace = time.Second

// rowInDoubt says whether a parked send may have been loaded by a former owner.
// A queue is loaded in its order, so those that were stand first in it.
func (s *Shard) rowInDoubt(queue string, due int64) bool {
	found := &s.cfg.Found[intake.Urgent]
	if due > min(found.Due, s.cfg.TakenOver.UnixMilli()) || queue == heldQueue || fault.Mutant(fault.ParkedDoubtNotSeen) {
		return false
	}
	d := s.doubted[queue]
	if d.rows >= found.Parked && d.due != due { // two of one time may stand either way
		return false
	}
	s.doubted[queue] = doubtedRows{rows: d.rows + 1, due: due}
	return true
}

// doubtedRows is how many rows of a queue were found in doubt, and when the last
// of them was due.
type doubtedRows struct {
	rows int
	due  int64
}

// resolve decides on what is in doubt, once its route is known and its plugin
// has said what it is. It returns false where the send may go on at once.
func (s *Shard) resolve(it *item, way Lane, now time.Time) (parked bool) {
	about := way.About()
	if it.doubt == noDoubt || about == nil {
		return false
	}
	channel, account := way.Name()
	policy := s.cfg.Policies[channel]
	if !s.tried(it, way) {
		it.doubt = noDoubt
		return false
	}
	known := knowsKey(it, about, now)
	if it.doubt == wasOpen {
		// The attempt was on the route of then, and its provider knows no other.
		known = known && it.channel == channel && it.account == account
		if was, ok := s.cfg.Policies[it.channel]; ok {
			policy = was
		}
	} else {
		it.unknown++
		it.channel, it.account = channel, account
	}
	it.doubt = noDoubt
	if policy.Hold && !known {
		s.hold(it, policy, now)
		return true
	}
	until := s.cfg.TakenOver.Add(about.Deadline + grace)
	if !now.Before(until) || fault.Mutant(fault.DoubtNotWaited) {
		return false
	}
	it.reason = why("provider", codeTakenOver)
	it.channel, it.account = channel, account
	s.parkIn(s.lineOf(way, it.Bulk).name, it, until, now)
	return true
}

// tried says whether what is in doubt was perhaps tried.
func (s *Shard) tried(it *item, way Lane) bool {
	switch about := way.About(); {
	case it.doubt == wasOpen:
		return true
	case it.doubt == noDoubt || it.Send.TestMode:
		return false
	default:
		channel, _ := way.Name()
		return !s.cfg.Policies[channel].Hold || about == nil || about.Idempotent
	}
}

// hold keeps a send until an operator decides.
func (s *Shard) hold(it *item, p Policy, now time.Time) {
	it.held, it.reason = true, why("provider", codeLostAnswer)
	s.parkIn(heldQueue, it, now.Add(p.HoldFor), now)
}

// adopt takes what a former owner left open.
func (s *Shard) adopt(now time.Time) {
	var open []*item
	err := s.env.Ledger.Due(openQueue, never, func(k send.Key, value []byte) bool {
		var p ledgerv1.Parked
		if err := p.UnmarshalVT(value); err != nil {
			s.fail("read an open send", err)
			return false
		}
		open = append(open, unpark(k, &p))
		return true
	})
	if err != nil {
		s.fail("read open sends", err)
	}
	for _, it := range open {
		s.live[it.key] = false
		it.open, it.doubt = false, wasOpen
		it.unknown++
		s.consider(it, now)
	}
}
