package shard

import (
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/ledger"
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

// openUntil is when no former owner can have an attempt under way any more. A
// plugin that has not said what it is could take as long as most.
func (s *Shard) openUntil(channel, app string) time.Time {
	deadline := time.Minute
	if way, _ := s.env.Lanes.Find(channel, app); way != nil && way.About() != nil {
		deadline = way.About().Deadline
	}
	return s.cfg.TakenOver.Add(deadline + grace)
}

// rowInDoubt says whether a parked send may have been loaded by a former owner.
// Each tenant's part of a queue is loaded in its order, so those that were stand
// first in it. How many they were of one part nobody knows, so there may be as many
// in each as there were in all.
func (s *Shard) rowInDoubt(at ledger.Spot) bool {
	if fault.Mutant(fault.ParkedDoubtNotSeen) || at.Due > s.doubtDue() || strings.TrimSuffix(at.Queue, orderedRows) == heldQueue {
		return false
	}
	d := s.doubted[partOf(at)]
	return d.rows < s.cfg.Found[intake.Urgent].Parked || d.due == at.Due // two of one time may stand either way
}

// passRow counts a row that a former owner may have loaded, and that stands in its
// part no more, or is in memory.
func (s *Shard) passRow(at ledger.Spot) {
	part := partOf(at)
	s.doubted[part] = doubtedRows{rows: s.doubted[part].rows + 1, due: at.Due}
}

// partOf names the part of a queue that a row stands in.
func partOf(at ledger.Spot) ledger.Spot { return ledger.Spot{Queue: at.Queue, Tenant: at.Tenant} }

// doubtDue is when the last parked send fell due that may have been loaded.
func (s *Shard) doubtDue() int64 {
	return min(s.cfg.Found[intake.Urgent].Due, s.cfg.TakenOver.UnixMilli())
}

// inherited is how many parked sends of each part of a queue may be in doubt that this
// shard has not yet loaded itself.
func (s *Shard) inherited() int {
	found := s.cfg.Found[intake.Urgent].Parked
	if fault.Mutant(fault.ParkedDoubtNotPassedOn) {
		return 0
	}
	if len(s.early[0])+len(s.early[1]) > 0 {
		return found
	}
	left := 0
	s.env.Ledger.Queues(func(queue string, _ int, next int64) {
		if next > s.doubtDue() || strings.TrimSuffix(queue, orderedRows) == heldQueue {
			return
		}
		s.env.Ledger.Tenants(queue, s.doubtDue(), func(tenant string, _ int64) {
			if s.doubted[ledger.Spot{Queue: queue, Tenant: tenant}].rows < found {
				left = found
			}
		})
	})
	return left
}

// undecided says whether parked sends wait for their plugin with a doubt that is
// in memory alone.
func (s *Shard) undecided() bool {
	for _, l := range s.inOrder {
		for a := range l.waiting.All() {
			if it := a.Ref.(*item); it.parked && it.doubt != noDoubt {
				return true
			}
		}
	}
	return false
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
		it.unsaved = true
	}
	it.doubt = noDoubt
	until := s.openUntil(channel, it.Send.App)
	if policy.Hold && !known {
		if it.channel == "" {
			it.channel, it.account = channel, account
		}
		s.hold(it, policy, now)
		if it.member != nil {
			s.rest(it.member, until)
			it.member = nil
		}
		return true
	}
	it.reason = why("provider", codeTakenOver)
	if !now.Before(until) || fault.Mutant(fault.DoubtNotWaited) {
		return false
	}
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

// wasTried is for a send that ends without a route: if a former owner may have
// tried it, nobody can say that it was not sent.
func (s *Shard) wasTried(it *item) {
	if it.doubt != mayBeOpen {
		return
	}
	for _, channel := range it.Send.Channels {
		if way, _ := s.env.Lanes.Find(channel, it.Send.App); way != nil && s.tried(it, way) {
			it.unknown++
			return
		}
	}
}

// wasPerhapsTried is for a send that ends with an undecided doubt.
func (s *Shard) wasPerhapsTried(it *item, way Lane) {
	switch {
	case way == nil:
		s.wasTried(it)
	case it.doubt == mayBeOpen && s.tried(it, way):
		it.unknown++
	}
}

// hold keeps a send until an operator decides.
func (s *Shard) hold(it *item, p Policy, now time.Time) {
	it.held, it.reason = true, why("provider", codeLostAnswer)
	s.parkIn(heldQueue, it, now.Add(p.HoldFor), now)
}

// adopt takes what a former owner left open.
func (s *Shard) adopt(now time.Time) {
	s.recall()
	s.replaceRecalled(now)
	var open []*item
	err := s.env.Ledger.Due(openQueue, "", never, func(k send.Key, value []byte) bool {
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
