package lane

import (
	"time"

	"github.com/carillonhq/carillon/engine/limit"
)

// Figures is how a lane is at one moment.
type Figures struct {
	// Urgent, Bulk and Open count attempts: those that wait, and those that are
	// with the plugin.
	Urgent, Bulk, Open int
	// Credits is how many more the plugin takes.
	Credits int
	// Account is the account's rate, of all nodes, a second: that of the
	// configuration, or what its plugin declares where that is less. 0 is no limit.
	Account float64
	// Rate is what this node may send now, a second: its share, less while the account
	// warms up or its provider throttles. 0 is no limit.
	Rate float64
	// Lowered: it is less than the node's share.
	Lowered bool
	// Share is the part of the account's rate that is this node's; 0 where it owns
	// no shard, and sends nothing.
	Share float64
	// Paused is until when the provider wants to be left alone; the zero time is
	// not at all.
	Paused time.Time
	// Lapsed: the lease is over, so that nothing begins until this node knows that
	// it still is a member of its group.
	Lapsed bool
	// Limited counts those of Urgent and Bulk that a limit beside the account's rate
	// keeps, by its dimension.
	Limited [limit.Dimensions]int
}

// Figures returns how the lane is now. It is safe for concurrent use.
func (l *Lane) Figures(now time.Time) Figures {
	l.mu.Lock()
	defer l.mu.Unlock()
	rate, _ := l.inForce(now)
	f := Figures{
		Urgent: l.queue.urgent.Len(), Bulk: l.queue.bulk.Len(), Open: len(l.open),
		Credits: l.credits, Account: l.cfg.Rate, Rate: rate, Lowered: rate != l.cfg.Rate*l.share, Share: l.share,
		Lapsed: !l.lease.IsZero() && now.After(l.lease),
	}
	if l.shareless { // it keeps what it had, for when it has some again
		f.Rate, f.Share, f.Lowered = 0, 0, false
	}
	l.queue.urgent.limited(&f.Limited)
	l.queue.bulk.limited(&f.Limited)
	if l.paused.After(now) {
		f.Paused = l.paused
	}
	return f
}

// Sighting is where in its lane an attempt is.
type Sighting struct {
	// Ref is the owner's own.
	Ref any
	// Open: it is with the plugin, since Began, and counts as lost past Deadline.
	Open            bool
	Began, Deadline time.Time
	// Limited: a limit beside the account's rate keeps it, that of a Limit, at
	// least until Opens.
	Limited bool
	Limit   limit.Dimension
	Opens   time.Time
}

// Find looks for the attempt of an owner's that matches. It goes through all that
// is in the lane, and holds the lane up as long: it is for an operator's question.
func (l *Lane) Find(o Owner, now time.Time, match func(ref any) bool) (Sighting, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.open {
		if a.Owner == o && match(a.Ref) {
			return Sighting{Ref: a.Ref, Open: true, Began: a.began, Deadline: time.UnixMilli(a.deadline)}, true
		}
	}
	for _, of := range []*standing{&l.queue.urgent, &l.queue.bulk} {
		for a := range of.All() {
			if a.Owner == o && match(a.Ref) {
				return Sighting{Ref: a.Ref}, true
			}
		}
		for g, at := range of.asides {
			for a := at.waiting.first; a != nil; a = a.next {
				if a.Owner == o && match(a.Ref) {
					return Sighting{Ref: a.Ref, Limited: true, Limit: g.of, Opens: g.at(now, 0)}, true
				}
			}
		}
	}
	return Sighting{}, false
}
