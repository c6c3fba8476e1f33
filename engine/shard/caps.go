package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/caps"
	"github.com/carillonhq/carillon/engine/ledger"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// A frequency cap bounds what goes to one recipient by all channels together. A send
// is reserved when it is about to stand in line, so that two of one recipient never
// both see the last place. What is reserved is in memory alone; what has gone is in
// `status`, counts from its outcome on, and is kept by the ledger as far as it has
// followed that.
//
// A send that may have gone out already is let through, and stays reserved while it
// is parked: it counts, whatever becomes of it. One that surely has not gone is asked
// again when it comes back from a pause: others may have taken its place.

// Caps are the frequency caps. They are read only.
type Caps struct {
	// Apps are the caps by app, each counted by itself. AnyApp is every app that has
	// no entry.
	Apps map[string]map[carillonv1.Class]Cap
	// All are caps over all apps together.
	All map[carillonv1.Class]Cap
	// Longest is for how long what has gone counts.
	Longest time.Duration
}

// Cap is a rule, and what becomes of a send that it stops.
type Cap struct {
	caps.Rule
	// Drop ends it, instead of keeping it until it may go.
	Drop bool
}

// counter is what a send is counted by, and asked about.
type counter struct {
	key caps.Key
	Cap
}

// counters returns those of a send, none where its class has no cap.
func (c *Caps) counters(app, recipient string, class carillonv1.Class) (all [2]counter, n int) {
	byClass, ok := c.Apps[app]
	if !ok {
		byClass = c.Apps[AnyApp]
	}
	if one := byClass[class]; !one.None() {
		all[n] = counter{caps.KeyOf(app, recipient, uint8(class)), one}
		n++
	}
	if one := c.All[class]; !one.None() {
		all[n] = counter{caps.KeyOf("", recipient, uint8(class)), one}
		n++
	}
	return all, n
}

// recheck is how soon a send is asked about again that only reserved ones stop: they
// may fail.
const recheck = time.Minute

// underCaps says whether a send may go as far as its caps are concerned, and
// reserves it. If not, it is parked until it may, or ended.
func (s *Shard) underCaps(it *item, way Lane, now time.Time) bool {
	c := s.cfg.Caps
	if c == nil || it.doubt != noDoubt || s.shares[it.key] {
		return true
	}
	all, n := c.counters(it.Send.App, it.Send.To.Id, it.Send.Class)
	if n == 0 {
		return true
	}
	if !it.maybeSent() && !it.resent() {
		until := now
		for _, one := range all[:n] {
			from, ok := s.env.Ledger.Counts().Opens(one.key, one.Rule, now)
			switch {
			case ok:
			case one.Drop:
				it.reason = why("policy", codeCapped)
				s.end(it, carillonv1.State_STATE_SUPPRESSED, "", now)
				return false
			case !from.After(now) && until.Before(now.Add(recheck)):
				until = now.Add(recheck)
			case from.After(until):
				until = from
			}
		}
		if until.After(now) {
			s.parkUntilTime(it, way, until, codeCapped, now)
			s.sleep(it, now)
			return false
		}
	}
	s.takeShare(it)
	return true
}

// takeShare counts a send that is on its way.
func (s *Shard) takeShare(it *item) {
	if s.cfg.Caps == nil || s.shares[it.key] {
		return
	}
	all, n := s.cfg.Caps.counters(it.Send.App, it.Send.To.Id, it.Send.Class)
	for _, one := range all[:n] {
		s.shares[it.key] = true
		s.env.Ledger.Counts().Reserve(one.key)
	}
}

// returnShare is for a send that surely has not gone.
func (s *Shard) returnShare(it *item) {
	if s.cfg.Caps == nil || !s.shares[it.key] {
		return
	}
	delete(s.shares, it.key)
	all, n := s.cfg.Caps.counters(it.Send.App, it.Send.To.Id, it.Send.Class)
	for _, one := range all[:n] {
		s.env.Ledger.Counts().Release(one.key)
	}
}

// countOutcome is for a send that has ended. One that went stays reserved until its
// outcome has landed.
func (s *Shard) countOutcome(it *item, e *carillonv1.Status) {
	if s.cfg.Caps == nil {
		return
	}
	if !goneOut(e) {
		s.returnShare(it)
		return
	}
	s.pend.batch.Counts = s.cfg.Caps.appendCounts(s.pend.batch.Counts, e, s.shares[it.key])
	delete(s.shares, it.key)
}

// goneOut says whether an outcome counts: the message has gone, or may have.
func goneOut(e *carillonv1.Status) bool {
	return e.Status == carillonv1.State_STATE_SENT && e.Reason.GetClass() != "test" || e.Status == carillonv1.State_STATE_UNKNOWN
}

// appendCounts adds what an outcome counts for.
func (c *Caps) appendCounts(to []ledger.Count, e *carillonv1.Status, reserved bool) []ledger.Count {
	all, n := c.counters(e.App, e.Recipient, e.Class)
	for _, one := range all[:n] {
		to = append(to, ledger.Count{Key: one.key, At: caps.At(e.At.AsTime()), Reserved: reserved})
	}
	return to
}

// leftMemory is for a send that is parked. One that may have gone out stays reserved.
func (s *Shard) leftMemory(it *item) {
	if it.maybeSent() {
		s.takeShare(it)
	} else {
		s.returnShare(it)
	}
}
