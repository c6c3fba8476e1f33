package lane

import (
	"time"

	"github.com/carillonhq/carillon/engine/limit"
)

// Rate bounds attempts over time. The zero Rate is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limits bound an account's attempts beside its own rate, for the whole cluster.
type Limits struct {
	// Each is for each value of a dimension by itself. That of limit.Account is not
	// used.
	Each [limit.Dimensions]Rate
	// Apps are for the apps that have another rate than Each says.
	Apps map[string]Rate
}

// gate is a limit of one value of a dimension: one app's, one domain's.
type gate struct {
	limit.GCRA
	slots *limit.Slots // in its place, where the rate is too small to split
	of    limit.Dimension
	hash  uint64
	rate  Rate
	until time.Time // when the provider may be asked again
	uses  int       // of it by those set aside
	books map[uint64]time.Time
}

// at returns when an attempt may pass with n others before it, now or later.
func (g *gate) at(now time.Time, n int) time.Time {
	at := g.At(now, n)
	if g.slots != nil {
		at = g.slots.At(now, n)
	}
	if g.until.After(at) {
		return g.until
	}
	return at
}

// waitedAt is at, for an attempt that has to pass other slots as well.
func (g *gate) waitedAt(now time.Time) time.Time {
	if g.slots == nil || g.until.After(now) {
		return g.at(now, 0)
	}
	return g.slots.WaitedAt(now)
}

// use reserves a place; of several the last one that slots have, see waitedAt.
func (g *gate) use(several bool, now time.Time) {
	switch {
	case g.slots != nil && several:
		g.slots.UseLast(now)
		return
	case g.slots != nil:
		g.slots.Use(now)
		return
	}
	g.Use(now, 1)
}

// empty takes back what is left of a burst.
func (g *gate) empty(now time.Time) {
	g.Empty(now)
	if g.slots != nil {
		g.slots.Empty(now)
	}
}

// interval is the time between two attempts that pass.
func (g *gate) interval() time.Duration {
	if g.slots != nil {
		return g.slots.Interval()
	}
	return g.Interval()
}

// idle drops the books that are past, and says whether a new gate would do as
// well.
func (g *gate) idle(now time.Time) bool {
	for campaign, at := range g.books {
		if !at.After(now) {
			delete(g.books, campaign)
		}
	}
	return g.uses == 0 && g.Idle(now) && (g.slots == nil || g.slots.Idle(now)) && !g.until.After(now) && len(g.books) == 0
}

// mostBooked is how far ahead is booked. What an operator changes meanwhile, by
// a cancel or a higher rate, does not show before.
const mostBooked = 30 * time.Minute

// sooner is in which part of the time, in percent, a gate could let attempts pass
// they are told to come again: who comes too soon is told once more, but what was
// not used for want of one that waits is lost.
const sooner = 90

// book gives an attempt that can't pass soon a time to come back at. Each
// campaign has a book of its own, in which its attempts have an interval of their
// own as if all campaigns that have one had the same part of the limit: who has
// ten attempts does not come after another's ten thousand.
func (g *gate) book(campaign uint64, first, now time.Time) time.Time {
	if g.books == nil {
		g.books = map[uint64]time.Time{}
	}
	at := g.books[campaign]
	if at.Before(first) {
		at = first
	}
	pace := g.interval() * sooner / 100
	g.books[campaign] = at.Add(pace * time.Duration(max(1, len(g.books))))
	if ahead := at.Sub(now); ahead > mostBooked && !g.until.After(now) {
		return now.Add(mostBooked/2 + ahead%(mostBooked/2))
	}
	return at
}

// mostGates bounds the values that a lane knows at a time: those with attempts in
// the time that their burst takes to come back. Past it new values share so many
// gates, by their hashes: the limit then holds for several of them together.
const (
	mostGates   = 65_536
	sharedGates = 1024
)

// gates are a lane's limits beside the account's. They are the lane's, under its
// lock. The zero value has none.
type gates struct {
	limits  Limits
	share   float64
	own     []bool    // the node's shards, where they are known
	emptied time.Time // the last hand-over
	known   map[uint64]*gate
	active  [limit.Dimensions]bool // with a rate, or a gate that a throttle made
	any     bool
	found   [limit.Dimensions]*gate // of the attempt that was asked about last
	several bool                    // of them have slots
}

func newGates(l Limits, now time.Time) gates {
	g := gates{limits: l, share: 1, emptied: now, known: map[uint64]*gate{}}
	g.configured()
	return g
}

// configured makes those dimensions active that have a rate.
func (g *gates) configured() {
	g.any = false
	for d := limit.App; d < limit.Dimensions; d++ {
		g.active[d] = g.limits.Each[d].PerSecond > 0 || d == limit.App && len(g.limits.Apps) > 0
		g.any = g.any || g.active[d]
	}
}

// setShare splits all rates, as Lane.SetShare does the account's. With more than
// before, others may have used what is new.
func (g *gates) setShare(share float64, more bool, now time.Time) {
	if g.share = share; more {
		g.emptied = now
	}
	for _, one := range g.known {
		g.split(one)
		if more {
			one.empty(now)
			one.books = nil // for the pace of before: what comes with more shards would come after all of it
		}
	}
}

// splitFrom is the least rate, in attempts a second for the whole cluster, of which
// each node has its part for itself. With less, parts are so far apart that those of
// several nodes that fall together show in the provider's count: the nodes have its
// slots in turn.
const splitFrom = 50

func (g *gates) split(one *gate) {
	switch small := one.rate.PerSecond > 0 && one.rate.PerSecond < splitFrom; {
	case !small || len(g.own) == 0:
		one.slots = nil
	case one.slots == nil:
		one.slots = limit.NewSlots(one.rate.PerSecond, one.rate.Burst, one.hash, g.own, g.emptied)
	default:
		one.slots.Own(g.own)
	}
	one.Set(one.rate.PerSecond*g.share, max(1, int(float64(one.rate.Burst)*g.share)))
}

func (g *gates) rate(d limit.Dimension, app string) Rate {
	if d == limit.App {
		if r, ok := g.limits.Apps[app]; ok {
			return r
		}
	}
	return g.limits.Each[d]
}

// blocking finds the gates that an attempt has to pass, for take, and returns one
// that is shut and when it opens; nil where all are open.
func (g *gates) blocking(a *Attempt, now time.Time) (shut *gate, opens time.Time) {
	s := subject(a)
	slotted := 0
	for d := limit.App; d < limit.Dimensions; d++ {
		g.found[d] = nil
		if !g.active[d] {
			continue
		}
		if one := g.of(d, &s, now); one != nil {
			g.found[d] = one
			if one.slots != nil {
				slotted++
			}
		}
	}
	g.several = slotted > 1
	for _, one := range g.found {
		if one == nil {
			continue
		}
		at := one.at(now, 0)
		if g.several {
			at = one.waitedAt(now)
		}
		if at.After(now) && at.After(opens) {
			shut, opens = one, at
		}
	}
	return shut, opens
}

// take reserves a place at each gate that blocking has found open.
func (g *gates) take(now time.Time) {
	for d := range g.found {
		if one := g.found[d]; one != nil {
			one.use(g.several, now)
		}
	}
}

// of returns the gate of the subject's value of a dimension; nil where it has no
// limit.
func (g *gates) of(d limit.Dimension, s *limit.Subject, now time.Time) *gate {
	hash, ok := d.Value(s)
	if !ok {
		return nil
	}
	if one := g.known[hash]; one != nil {
		return one
	}
	rate := g.rate(d, s.App)
	if rate.PerSecond <= 0 {
		return nil
	}
	return g.add(hash, d, rate, now)
}

// add makes a gate as it would be had it been there since the last hand-over.
func (g *gates) add(hash uint64, d limit.Dimension, rate Rate, now time.Time) *gate {
	if len(g.known) >= mostGates {
		hash = hash%sharedGates*uint64(limit.Dimensions) + uint64(d)
		if one := g.known[hash]; one != nil {
			if rate.PerSecond > 0 && rate.PerSecond < one.rate.PerSecond {
				one.rate = rate
				g.split(one)
			}
			return one
		}
	}
	one := &gate{of: d, hash: hash, rate: rate}
	g.split(one)
	one.empty(g.emptied)
	g.known[hash] = one
	return one
}

// forget drops what is idle.
func (g *gates) forget(now time.Time) {
	if len(g.known) == 0 {
		return
	}
	g.configured()
	for hash, one := range g.known {
		if one.idle(now) {
			delete(g.known, hash)
			continue
		}
		g.active[one.of], g.any = true, true
	}
}

// shut keeps what is like the attempt in one dimension from passing before until.
func (g *gates) shut(d limit.Dimension, a *Attempt, until, now time.Time) {
	s := subject(a)
	hash, ok := d.Value(&s)
	if !ok {
		return
	}
	one := g.known[hash]
	if one == nil {
		one = g.add(hash, d, g.rate(d, s.App), now)
	}
	g.active[d], g.any = true, true
	if until.After(one.until) {
		one.until = until
	}
}

func subject(a *Attempt) limit.Subject {
	return limit.Subject{App: a.Send.App, Campaign: a.Send.Campaign, Recipient: a.Send.To.GetId(), Address: a.Address.GetValue()}
}
