package shard

import (
	"bytes"
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// Of the sends of one collapse key, to one recipient of one app and from one input,
// a newer one takes the place of those that wait: in a line, in a lane, behind
// others of their ordering key, or parked. What may have been sent goes on: an
// attempt under way, until it has failed, and what is in doubt. Which is newer
// their records' offsets say, so that what is read again changes nothing.

// versions are the sends of one collapse key that are not finished.
type versions struct {
	key    send.Key
	newest int64 // offset of the newest of all, which may be finished
	all    []*version
}

// version is one of them.
type version struct {
	of     *versions
	key    send.Key // of the send
	offset int64
	it     *item // nil where it is parked
}

// collapsing is a shard's state of it.
type collapsing struct {
	collapses map[send.Key]*versions
	outdated  bool // lines hold what a newer one has replaced
}

func collapseKey(it *item) send.Key {
	return send.KeyOf(it.Send.App, it.Send.To.Id, "ub"[it.inputOf():][:1]+it.Send.CollapseKey)
}

// collapsed gives a send with a collapse key its place among the others, which it
// replaces as far as they are older and wait. It ends the send, and says so, where
// that is itself the older one.
func (s *Shard) collapsed(it *item, now time.Time) bool {
	if it.Send.CollapseKey == "" {
		return false
	}
	v := s.versionOf(it)
	it.version, v.it = v, it
	if it.offset > v.of.newest {
		v.of.newest = it.offset
		for _, older := range slices.Clone(v.of.all) {
			if older != v {
				s.replace(older, now)
			}
		}
	}
	return s.superseded(it, now)
}

// versionOf finds a send among those of its key, or makes it one.
func (s *Shard) versionOf(it *item) *version {
	k := collapseKey(it)
	of := s.collapses[k]
	if of == nil {
		of = &versions{key: k, newest: it.offset - 1}
		s.collapses[k] = of
	}
	for _, v := range of.all {
		if v.key == it.key {
			return v
		}
	}
	v := &version{of: of, key: it.key, offset: it.offset}
	of.all = append(of.all, v)
	return v
}

// outdone says whether a newer send has replaced an item, which has surely not
// been sent.
func (it *item) outdone() bool {
	return it.version != nil && it.version.of.newest > it.offset && !it.maybeSent() && it.doubt == noDoubt && !it.resent()
}

// superseded ends an item that is outdone, and says whether it was.
func (s *Shard) superseded(it *item, now time.Time) bool {
	if !it.outdone() {
		return false
	}
	s.supersede(it, now)
	return true
}

func (s *Shard) supersede(it *item, now time.Time) {
	it.reason = nil
	s.end(it, carillonv1.State_STATE_SUPERSEDED, "", now)
}

// replace has a newer send take the place of one that waits.
func (s *Shard) replace(v *version, now time.Time) {
	it := v.it
	switch {
	case it == nil:
		s.replaceRow(v, now)
	case it.away && fault.Mutant(fault.CollapseUnderWay):
		s.supersede(it, now)
	case it.away && it.outdone():
		it.line.way.Recall(s, func(a *lane.Attempt) bool { return a == &it.Attempt })
	case it.away:
	case it.line != nil:
		s.outdated = true
	case it.behindOthers():
		s.superseded(it, now)
	}
}

// replaceRow does so with one that is parked. One that is in memory, or on its way
// to Kafka, is looked at when it comes; and so is one that a former owner may have
// loaded, for it is due.
func (s *Shard) replaceRow(v *version, now time.Time) {
	if _, here := s.live[v.key]; here {
		return
	}
	value, err := s.env.Ledger.Get(v.key)
	if err != nil {
		s.fail("read a send that a newer one replaces", err)
	}
	var p ledgerv1.Parked
	if value == nil || err != nil {
		return // it flies
	}
	if err := p.UnmarshalVT(value); err != nil {
		s.fail("read a send that a newer one replaces", err)
		return
	}
	if p.Held || p.Open || p.Doubt || p.DueMs <= s.doubtDue() {
		return
	}
	it := unpark(v.key, &p)
	it.version = v
	if !it.outdone() {
		return
	}
	if it.ordered {
		s.join(it)
	}
	s.live[it.key] = false // or it might be loaded meanwhile
	delete(s.woken, it.key)
	s.supersede(it, now)
}

// endOutdated ends what lines hold that a newer send has replaced.
func (s *Shard) endOutdated(now time.Time) {
	if !s.outdated {
		return
	}
	s.outdated = false
	for _, l := range s.inOrder {
		l.keep(func(it *item) bool {
			if !it.outdone() {
				return true
			}
			s.leave(it)
			s.supersede(it, now)
			return false
		})
	}
}

// parkedVersion notes that an item goes to a row.
func (s *Shard) parkedVersion(it *item) {
	if v := it.version; v != nil {
		it.version, v.it = nil, nil
		s.pend.versions = append(s.pend.versions, v)
	}
}

// landedVersion looks whether a newer send came while a row was on its way.
func (s *Shard) landedVersion(v *version, now time.Time) {
	if v.it == nil && v.of.newest > v.offset && !s.stopping {
		s.replaceRow(v, now)
	}
}

// forgetVersion is for a send that has its outcome.
func (s *Shard) forgetVersion(it *item) {
	of := s.collapses[collapseKey(it)]
	if of == nil {
		return
	}
	it.version = nil
	of.all = slices.DeleteFunc(of.all, func(v *version) bool { return v.key == it.key })
	if len(of.all) == 0 {
		delete(s.collapses, of.key)
	}
}

// recallVersion learns a row, as a new owner.
func (s *Shard) recallVersion(it *item) {
	if it.Send.CollapseKey == "" || fault.Mutant(fault.CollapseNotRecalled) {
		return
	}
	v := s.versionOf(it)
	v.of.newest = max(v.of.newest, v.offset)
}

// replaceRecalled ends the rows that a former owner had no time to end.
func (s *Shard) replaceRecalled(now time.Time) {
	var older []*version
	for _, of := range s.collapses {
		for _, v := range of.all {
			if v.offset < of.newest {
				older = append(older, v)
			}
		}
	}
	slices.SortFunc(older, func(a, b *version) int { return bytes.Compare(a.key[:], b.key[:]) })
	for _, v := range older {
		s.replaceRow(v, now)
	}
}
