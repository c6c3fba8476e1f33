package shard

import (
	"strconv"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/caps"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/table"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// caps reads "most=2/1h apart=10m strict=1/1h all=5/1h", all of marketing sends: of
// any app, of the app "strict", which drops, and over all apps. No argument is no
// caps. The shard begins anew with them, on the same disk.
func (tr *trace) caps(args []string) {
	const marketing = carillonv1.Class_CLASS_MARKETING
	type byClass = map[carillonv1.Class]Cap
	c := &Caps{Apps: map[string]byClass{}, All: byClass{}}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		number, length, limited := strings.Cut(value, "/")
		if !limited {
			length = value
		}
		per, err := time.ParseDuration(length)
		if err != nil {
			tr.t.Fatal(err)
		}
		most, _ := strconv.Atoi(number)
		limit := caps.Rule{Limits: []caps.Limit{{Most: most, Per: per}}}
		switch name {
		case "most":
			c.Apps[AnyApp] = byClass{marketing: {Rule: limit}}
		case "apart":
			rule := c.Apps[AnyApp][marketing].Rule
			rule.Apart = per
			c.Apps[AnyApp] = byClass{marketing: {Rule: rule}}
		case "strict":
			c.Apps["strict"] = byClass{marketing: {Rule: limit, Drop: true}}
		case "all":
			c.All[marketing] = Cap{Rule: limit}
		}
		c.Longest = max(c.Longest, per)
	}
	tr.commit()
	if tr.cfg.Caps = c; len(args) == 0 {
		tr.cfg.Caps = nil
	}
	if err := tr.db.Close(); err != nil {
		tr.t.Fatal(err)
	}
	tr.db = nil
	tr.restart(nil)
}

// counted is what the ledger is to count.
func (tr *trace) counted() *ledger.Caps {
	c := tr.cfg.Caps
	if c == nil {
		return nil
	}
	shape := caps.Shape{Longest: c.Longest}
	for _, app := range c.Apps {
		for _, one := range app {
			shape = shape.With(one.Rule)
		}
	}
	for _, one := range c.All {
		shape = shape.With(one.Rule)
	}
	return &ledger.Caps{Shape: shape, Scope: uint64(len(c.Apps)*2+len(c.All))<<40 + uint64(c.Longest) | 1, Memory: &table.Memory{}}
}

// rate reads "sms 10/m 1": a channel, the rate of each recipient, and its burst.
func (tr *trace) rate(args []string) {
	number, unit, _ := strings.Cut(args[1], "/")
	n, _ := strconv.Atoi(number)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	burst, _ := strconv.Atoi(args[2])
	p := tr.cfg.Policies[args[0]]
	p.Pair = Pair{PerSecond: float64(n) / per.Seconds(), Burst: burst}
	tr.cfg.Policies[args[0]] = p
}

// capped checks that no more went to the one recipient of a simulation than may, but
// for what a former owner or a provider left in doubt.
func (s *sim) capped() {
	c := s.trace.cfg.Caps
	if c == nil {
		return
	}
	status := s.trace.log["status"]
	if len(status) < s.judged { // a crash took what Kafka had not acknowledged
		s.judged, s.gone = 0, nil
	}
	for _, r := range status[s.judged:] {
		e, err := send.ParseStatus(r.Value, r.Headers)
		if err == nil && e.Class == carillonv1.Class_CLASS_MARKETING && goneOut(e) {
			s.gone = append(s.gone, wentOut{s.known[e.Id], e.At.AsTime()})
			s.underRule(c.Apps[AnyApp][carillonv1.Class_CLASS_MARKETING].Rule)
		}
	}
	s.judged = len(status)
}

// wentOut is a send that counts for a cap.
type wentOut struct {
	of *known
	at time.Time
}

// underRule checks the last that went out.
func (s *sim) underRule(rule caps.Rule) {
	last := s.gone[len(s.gone)-1]
	if last.of.doubtful {
		return
	}
	within, before := make([]int, len(rule.Limits)), time.Time{}
	for i, g := range s.gone {
		if g.of.doubtful {
			continue
		}
		for n, l := range rule.Limits {
			if last.at.Sub(g.at) < l.Per {
				within[n]++
			}
		}
		if i < len(s.gone)-1 {
			before = g.at
		}
	}
	for n, l := range rule.Limits {
		if within[n] > l.Most {
			s.fatalf("%d went within %v, and %d may", within[n], l.Per, l.Most)
		}
	}
	if !before.IsZero() && last.at.Sub(before) < rule.Apart {
		s.fatalf("two went within %v", rule.Apart)
	}
}

// paired checks that an attempt keeps to its recipient's rate: one in ten seconds.
func (s *sim) paired(k *known) {
	if s.trace.cfg.Policies[k.by].Pair.PerSecond == 0 {
		return
	}
	for _, other := range s.order {
		if other != k && other.by == k.by && other.open && other.lostAt.IsZero() {
			s.fatalf("%s is at its plugin beside %s", k.id, other.id)
		}
	}
	if since := s.trace.now.Sub(s.lastDone[k.by]); since < 10*time.Second {
		s.fatalf("%s begins %v after the one before", k.id, since)
	}
}
