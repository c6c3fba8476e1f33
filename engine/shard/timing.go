package shard

import (
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/hours"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Timing is when sends may go, besides what they say themselves. It is read only.
type Timing struct {
	// Zone is that of recipients who name none.
	Zone *time.Location
	// Quiet are the quiet hours by app. AnyApp is every app that has no entry.
	Quiet map[string]map[carillonv1.Class]Quiet
	// Late is how long after it was due a send's first attempt may begin, by
	// class; without an entry, until it expires.
	Late map[carillonv1.Class]time.Duration
}

// AnyApp stands for the apps without an entry.
const AnyApp = "*"

// Quiet are hours in which nothing goes to a recipient.
type Quiet struct {
	Hours hours.Window
	// Drop ends a send in them, instead of keeping it until they are over. Next hands
	// it over to its next channel that does not have them.
	Drop, Next bool
	// Channels have them; none is all.
	Channels []string
}

// quietFor returns the quiet hours of a send by a channel, and the zone by whose
// clocks they are.
func (t *Timing) quietFor(m *carillonv1.Send, channel string) (Quiet, *time.Location) {
	app, ok := t.Quiet[m.App]
	if !ok {
		app = t.Quiet[AnyApp]
	}
	q := app[m.Class]
	if len(q.Channels) > 0 && !slices.Contains(q.Channels, channel) {
		q = Quiet{}
	}
	if q.Hours.None() || m.To.TimeZone == "" {
		return q, t.Zone
	}
	if zone := send.Zone(m.To.TimeZone); zone != nil {
		return q, zone
	}
	return q, t.Zone // it was known when the send was parked
}

// lateFrom returns when a send is too late to begin; the zero time is never.
// Quiet hours do not count against it: from their end it has as long again.
func (t *Timing) lateFrom(it *item, q Quiet, zone *time.Location) time.Time {
	late := t.Late[it.Send.Class]
	if late == 0 {
		return time.Time{}
	}
	from := it.dueFirst()
	if quiet, until := q.Hours.At(from, zone); quiet {
		from = until
	}
	from = from.Add(late)
	if quiet, until := q.Hours.At(from, zone); quiet {
		from = until.Add(late)
	}
	return from
}

// inTime says whether a send may be attempted now, and notes until when it may.
// If not, it is parked until it may, or ended. What an operator has sent again
// goes at once.
func (s *Shard) inTime(it *item, way Lane, now time.Time) bool {
	it.Until = 0
	t := s.cfg.Timing
	if t == nil || it.doubt != noDoubt || it.resent() {
		return true
	}
	channel, _ := way.Name()
	q, zone := t.quietFor(it.Send, channel)
	quiet, until := q.Hours.At(now, zone)
	var late time.Time
	if it.made == 0 && it.unknown == 0 {
		late = t.lateFrom(it, q, zone)
	}
	switch {
	case !late.IsZero() && !now.Before(late):
		it.reason = why("time", codeTooLate)
		s.end(it, carillonv1.State_STATE_EXPIRED, "", now)
		return false
	case quiet && q.Drop:
		s.drops(it, now)
		return false
	case quiet && q.Next && s.passQuiet(it, way, now):
		return false
	case quiet:
		s.parkUntilTime(it, way, until, codeQuietHours, now)
		s.sleep(it, now)
		return false
	}
	if until.IsZero() || !late.IsZero() && late.Before(until) {
		until = late
	}
	if !until.IsZero() {
		it.Until = until.UnixMilli()
	}
	return true
}

// drops ends a send that came in quiet hours. Of one that may have been sent
// before, nobody can say that it was not.
func (s *Shard) drops(it *item, now time.Time) {
	if it.maybeSent() {
		it.reason = why("provider", codeLostAnswer)
		s.end(it, carillonv1.State_STATE_UNKNOWN, "", now)
		return
	}
	it.reason = why("policy", codeQuietHours)
	s.end(it, carillonv1.State_STATE_SUPPRESSED, "", now)
}

// passQuiet hands a send over to the first of its channels by which it is not quiet,
// as a fallback does: the step is written before that one is tried, so that no crash
// brings it back, when the hours are over, to one that others may have sent before. A
// send that was tried stays with its channel.
func (s *Shard) passQuiet(it *item, way Lane, now time.Time) bool {
	if it.made > it.before() || it.unknown > 0 {
		return false
	}
	from, account := way.Name()
	next := s.awake(it, from, now)
	if next == nil || s.expiry(it, next) <= now.UnixMilli() {
		return false
	}
	it.channel, it.account = from, account
	reason := why("policy", codeQuietHours)
	it.passOver(from, reason)
	s.handOver(it, next, reason, now)
	return true
}

// awake returns the first usable channel but one that has no quiet hours now.
func (s *Shard) awake(it *item, but string, now time.Time) Lane {
	for _, name := range it.Send.Channels {
		if name == but || it.gaveUp(name) {
			continue
		}
		q, zone := s.cfg.Timing.quietFor(it.Send, name)
		if q.Hours.Has(now, zone) {
			continue
		}
		if way, _, fault := s.usable(name, it, now); fault == nil {
			return way
		}
	}
	return nil
}
