package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// orderWait is how long sends wait for the first of their ordering key.
const orderWait = 10 * time.Second

// order: a send is passed over only where another one has waited for it as long as it
// may, and who is not passed over begins in its turn. Where there are faults a first
// attempt may be lost on its way to the provider, and nobody can tell.
func (v *verdict) order(e *evidence) {
	type chain struct{ recipient, key, topic string }
	chains := map[chain][]*story{}
	all := stories(e)
	for _, s := range all {
		if len(s.records) > 0 && s.records[0].order != "" {
			r := s.records[0]
			k := chain{r.recipient, r.order, r.place.Topic}
			chains[k] = append(chains[k], s)
		}
	}
	v.skipped = len(e.skipped)
	for _, members := range chains {
		for _, first := range members {
			at, skipped := e.skipped[first.id]
			if skipped && !slices.ContainsFunc(members, func(s *story) bool { return s != first && s.waited(at) }) {
				v.fault("%s is passed over at %v, and nobody has waited for %v", first, since(at), orderWait)
			}
			for _, s := range members {
				if !skipped && len(e.strikes) == 0 && s.overtakes(first) {
					v.fault("%s begins before %s", s, first)
				}
			}
		}
	}
}

// waited says whether a send can have waited for as long as it may at a time: it
// was due then, and has no outcome of before.
func (s *story) waited(at time.Time) bool {
	began := epoch
	if s.records[0].sendAt.After(began) {
		began = s.records[0].sendAt
	}
	return at.Sub(began) >= orderWait-slack && !slices.ContainsFunc(s.outcomes, func(o outcome) bool {
		return o.state != "duplicate" && o.at.Before(at.Add(-slack))
	})
}

// overtakes says whether a send's first attempt began before that of another one of
// its key whose record was before its own in the same partition.
func (s *story) overtakes(first *story) bool {
	a, b := first.records[0], s.records[0]
	if s == first || len(s.attempts) == 0 || len(first.attempts) == 0 || !a.sendAt.IsZero() || !b.sendAt.IsZero() {
		return false
	}
	return a.place.Partition == b.place.Partition && a.place.Offset < b.place.Offset && s.attempts[0].at.Before(first.attempts[0].at)
}

// Each case is one thing that the checker of the order must tell from another.
func TestVirtualOrderChecker(t *testing.T) {
	send := func(id string, offset int64) accepted {
		r := produced("plain", offset)
		r.id, r.recipient, r.order = id, "u", "k"
		return r
	}
	tries := func(id string, seconds float64) attempt {
		a := tried("a1", seconds)
		a.id = id
		return a
	}
	scheduled := send("n", 1)
	scheduled.sendAt = at(25)
	other := send("n", 1)
	other.order = "another"
	for _, c := range []struct {
		name    string
		second  accepted
		tries   []attempt
		skipped float64 // when the first lost its place; 0 is never
		struck  bool
		want    string
	}{
		{"in order", send("n", 1), []attempt{tries("m", 1), tries("n", 2)}, 0, false, ""},
		{"overtaken", send("n", 1), []attempt{tries("n", 1), tries("m", 2)}, 0, false, "begins before m"},
		// its first attempt may have been lost on its way
		{"overtaken where there were faults", send("n", 1), []attempt{tries("n", 1), tries("m", 2)}, 0, true, ""},
		{"passed over", send("n", 1), []attempt{tries("n", 21), tries("m", 30)}, 20, false, ""},
		{"passed over too soon", send("n", 1), []attempt{tries("n", 9), tries("m", 30)}, 8, false, "is passed over"},
		// it has not waited since before it was due
		{"passed over for a send of later", scheduled, []attempt{tries("n", 31), tries("m", 40)}, 30, false, "is passed over"},
		{"of another key", other, []attempt{tries("n", 1), tries("m", 2)}, 0, false, ""},
	} {
		e := &evidence{records: []accepted{send("m", 0), c.second}, attempts: c.tries, skipped: map[string]time.Time{}}
		if c.skipped > 0 {
			e.skipped["m"] = at(c.skipped)
		}
		if c.struck {
			e.strikes = []strike{{kind: killed}}
		}
		v := &verdict{}
		v.order(e)
		if got := strings.Join(v.faults, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
}
