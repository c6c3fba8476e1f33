package shard

import (
	"container/heap"
	"time"

	"github.com/carillonhq/carillon/engine/limit"
)

// limits are the codes of a reason by which limit keeps a send.
var limits = func() (codes [limit.Dimensions]string) {
	for d := range codes {
		codes[d] = "limit_" + limit.Dimension(d).String()
	}
	return codes
}()

// later is what a lane gave back because a limit keeps it, by when it may come
// again. It waits here, where it keeps nobody else out of the lane, and counts for
// the window as what is in the line does.
type later []*item

func (l later) Len() int           { return len(l) }
func (l later) Less(i, j int) bool { return l[i].comesAgain() < l[j].comesAgain() }
func (l later) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *later) Push(x any)        { *l = append(*l, x.(*item)) }
func (l *later) Pop() any {
	last := len(*l) - 1
	it := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	return it
}

// comesAgain is when an item has to be looked at, in Unix milliseconds.
func (it *item) comesAgain() int64 {
	at := it.NotBefore
	for _, end := range [...]int64{it.Until, it.Expires} {
		if end != 0 {
			at = min(at, end)
		}
	}
	return at
}

// limited is for an attempt that a limit keeps. One that has a row goes back to
// it, unless it is soon: those that are loaded are in the way of others that are
// due.
func (s *Shard) limited(it *item, now time.Time) {
	switch {
	case it.open:
		s.putBack(it)
	case s.stopping:
		s.leave(it)
	default:
		it.made--
		if it.parked && it.NotBefore > now.Add(s.cfg.Patience).UnixMilli() {
			l := it.line
			s.leave(it)
			s.parkIn(l.name, it, it.waitsUntil(now), now)
			return
		}
		heap.Push(&it.line.later, it)
	}
}

// waitsUntil is when a send that is parked for want of room may come again, and
// notes why.
func (it *item) waitsUntil(now time.Time) time.Time {
	if it.NotBefore <= now.UnixMilli() {
		it.reason = why("overload", codeLaneFull)
		return now
	}
	it.reason = why("throttle", limits[it.Limit])
	return time.UnixMilli(it.NotBefore)
}

// ripe puts what may come again into the line, and returns how long nothing else
// may.
func (l *line) ripe(now time.Time) time.Duration {
	for len(l.later) > 0 {
		if left := time.UnixMilli(l.later[0].comesAgain()).Sub(now); left > 0 {
			return left
		}
		it := heap.Pop(&l.later).(*item)
		it.NotBefore, it.since = 0, now
		l.push(it)
	}
	return time.Hour
}

// shedLater parks, of a line's sends that a limit keeps, the half that it keeps for
// the longest, as far as that is longer than sends have patience for.
func (s *Shard) shedLater(l *line, now time.Time) {
	if len(l.later) == 0 || l.bulk && s.room(l.name, l.bulk) <= 0 {
		return
	}
	all := make([]*item, 0, len(l.later))
	for n := len(l.later); n > 0; n-- {
		all = append(all, heap.Pop(&l.later).(*item))
	}
	first := len(all) / 2
	for first < len(all) && all[first].NotBefore <= now.Add(s.cfg.Patience).UnixMilli() {
		first++
	}
	l.later = all // what is in order is a heap
	if first == len(all) {
		return
	}
	from := all[first].comesAgain()
	s.shed(l, now, func(it *item) bool { return it.NotBefore != 0 && it.comesAgain() >= from })
}

// keepLater drops what is not to stay of those that a limit keeps.
func (l *line) keepLater(stays func(*item) bool) {
	if len(l.later) == 0 {
		return
	}
	kept := l.later[:0]
	for _, it := range l.later {
		if stays(it) {
			kept = append(kept, it)
		}
	}
	clear(l.later[len(kept):])
	l.later = kept
	heap.Init(&l.later)
}
