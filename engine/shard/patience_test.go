package shard

import (
	"slices"
	"strings"
	"time"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// ordering reads "skip=10s" or "expire=10s" of transactional sends of any app; those
// of the app "patient" wait until they expire. No argument is no longest wait.
func (tr *trace) ordering(args []string) {
	var o *Ordering
	for _, arg := range args {
		then, value, _ := strings.Cut(arg, "=")
		longest, err := time.ParseDuration(value)
		if err != nil {
			tr.t.Fatal(err)
		}
		o = &Ordering{Apps: map[string]map[carillonv1.Class]*OrderWait{
			AnyApp:    {carillonv1.Class_CLASS_TRANSACTIONAL: {Longest: longest, Expire: then == "expire"}},
			"patient": {},
		}}
	}
	tr.cfg.Ordering, tr.shard.cfg.Ordering = o, o
}

// passedOver finds who lost its place; those behind may begin in the same turn.
func (s *sim) passedOver(effects string) {
	for line := range strings.Lines(effects) {
		if strings.Contains(line, "time:order_skipped") {
			k := s.known[strings.Fields(line)[2]]
			s.outwaited(k, false)
			k.skipped = true
		}
	}
}

// replaced says whether a newer send with its collapse key takes the place of one
// that never began: its outcome may still wait for room on its way to Kafka.
func (s *sim) replaced(k *known) bool {
	return k.collapse != "" && !k.open && slices.ContainsFunc(s.order, func(newer *known) bool {
		return newer.collapse == k.collapse && newer.input == k.input && newer.offset > k.offset
	})
}

// outwaited checks that a send was passed over, or ended, because of a wait that was
// long enough.
func (s *sim) outwaited(k *known, expired bool) {
	w := s.trace.cfg.Ordering.Apps[AnyApp][carillonv1.Class_CLASS_TRANSACTIONAL]
	if w.Expire != expired {
		s.fatalf("%s: another rule is declared than was gone by", k.id)
	}
	if expired {
		if k.open || k.maybe != "" {
			s.fatalf("%s has waited for too long, and may have been sent", k.id)
		}
	} else if at := s.trace.atLane[k.id]; at != nil && s.atPlugin(k.id) {
		s.fatalf("%s is passed over, and an attempt of it is under way", k.id)
	}
	for _, other := range s.order {
		first, last := k, other
		if expired {
			first, last = other, k
		}
		// One that was scheduled took its place when it was due.
		if first != last && first.key == last.key && first.input == last.input && (first.offset < last.offset || last.scheduled) &&
			!s.trace.now.Before(first.at.Add(w.Longest)) && !s.trace.now.Before(last.at.Add(w.Longest)) {
			return
		}
	}
	s.fatalf("%s is passed over, or ends, and nobody has waited for %v", k.id, w.Longest)
}

func (s *sim) atPlugin(id string) bool {
	for _, a := range s.trace.pushed {
		if a.Send.Id == id {
			return false
		}
	}
	return true
}
