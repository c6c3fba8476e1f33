package shard

import (
	"time"

	"github.com/zeebo/xxh3"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/limit"
)

// Pair is how fast attempts to one recipient may follow each other from one account.
// The zero Pair is no limit.
type Pair struct {
	PerSecond float64
	Burst     int
}

// pairOf returns what limits the pair of an item's recipient and account, nil where
// nothing does. What an operator has sent again goes at once.
func (s *Shard) pairOf(it *item) (*limit.Pairs, uint64) {
	rate := s.cfg.Policies[it.channel].Pair
	if rate.PerSecond == 0 || it.Send.TestMode || it.resent() {
		return nil, 0
	}
	p := s.pairs[it.channel]
	if p == nil {
		p = limit.NewPairs(rate.PerSecond, rate.Burst, s.cfg.TakenOver)
		s.pairs[it.channel] = p
	}
	return p, xxh3.HashString(it.account) ^ xxh3.HashStringSeed(it.Send.To.Id, 1)
}

// tooSoon parks an item whose recipient has had too much from its account just now.
// In memory it would hold up the watermark, and it may be one of many.
func (s *Shard) tooSoon(it *item, l *line, now time.Time) bool {
	p, k := s.pairOf(it)
	if p == nil {
		return false
	}
	wait := p.Begin(k, now)
	if wait == 0 {
		return false
	}
	s.leave(it)
	it.reason = why("throttle", codeRecipientRate)
	s.parkIn(l.name, it, now.Add(wait), now)
	return true
}

// leftLane is for an item of which its lane has told what became of it.
func (s *Shard) leftLane(it *item, r *lane.Result, now time.Time) {
	it.line.inLane--
	it.away = false
	if r.Outcome != lane.Answered && r.Outcome != lane.Lost {
		s.neverBegan(it)
	} else if p, k := s.pairOf(it); p != nil {
		p.Done(k, now)
	}
}

// neverBegan is for an attempt that tooSoon let go.
func (s *Shard) neverBegan(it *item) {
	if p, k := s.pairOf(it); p != nil {
		p.Return(k)
	}
}
