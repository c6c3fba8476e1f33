package lane

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillonhq/carillon/engine/limit"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// shop is an owner as a shard is: what a limit sends back comes again when it may.
type shop struct {
	*owner
	lane *rig
	mu   sync.Mutex
	back int // by a limit
}

func (s *shop) Results(results []Result) {
	for _, r := range results {
		if r.Outcome != Limited {
			s.owner.mu.Lock()
			s.owner.results[r.Attempt] = append(s.owner.results[r.Attempt], r.Outcome)
			s.owner.mu.Unlock()
			continue
		}
		s.mu.Lock()
		s.back++
		s.mu.Unlock()
		time.AfterFunc(time.Until(time.UnixMilli(r.NotBefore)), func() { s.lane.Push([]*Attempt{r.Attempt}) })
	}
}

// seen is a plugin that takes all, and when it had which: by the part of the id
// before its digits.
type seen struct {
	mu sync.Mutex
	at map[string][]time.Time
}

func (s *seen) serve(st *stream) {
	st.answer(1000)
	for r := st.next(); r != nil; r = st.next() {
		var results []*channelv1.Result
		s.mu.Lock()
		for _, a := range r.Attempts {
			name := strings.TrimRight(a.Id, "0123456789")
			s.at[name] = append(s.at[name], time.Now())
			results = append(results, accepted(a.Token))
		}
		s.mu.Unlock()
		st.answer(uint32(len(results)), results...)
	}
}

// within is the most that came of a name in any window of a length.
func (s *seen) within(name string, window time.Duration) (most int) {
	all := s.at[name]
	for from, to := 0, 0; to < len(all); to++ {
		for all[to].Sub(all[from]) >= window {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// Apps and campaigns go no faster than their rates, and no slower; nobody else
// waits for them. What a limit keeps for long does not stay in the lane.
func TestLimitsOfAppsAndCampaigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &seen{at: map[string][]time.Time{}}
		var l Limits
		l.Each[limit.App], l.Each[limit.Campaign] = Rate{100, 1}, Rate{20, 1}
		l.Apps = map[string]Rate{"slow": {5, 1}}
		o := &shop{owner: newOwner()}
		o.lane = run(Config{Deadline: time.Hour, Limits: l}, newPlugin(64, s.serve))
		synctest.Wait()
		var pushed []*Attempt
		for name, n := range map[string]int{"one/a": 3000, "one/b": 3000, "slow/a": 3000, "slow/": 3000, "free/": 30000} {
			pushed = append(pushed, owned(o, of(name, n))...)
		}
		o.lane.Push(pushed)
		const lasts = 60
		time.Sleep(lasts * time.Second)
		synctest.Wait()
		s.mu.Lock()
		for _, c := range []struct {
			name   string
			rate   int
			others string // of the same limit
		}{
			{"one/a", 20, ""}, {"one/b", 20, ""}, // campaigns of one app, each by itself
			{"slow/a", 5, "slow/"}, // an app with a rate of its own, for all of its campaigns together
			{"free/", 100, ""},     // an app without a campaign
		} {
			n := len(s.at[c.name])
			if c.others != "" {
				n += len(s.at[c.others])
			}
			if least := c.rate * lasts * 97 / 100; n < least || n > c.rate*lasts+1 {
				t.Errorf("%s: %d attempts in %d s at %d/s", c.name, n, lasts, c.rate)
			}
			if n := s.within(c.name, time.Second); n > c.rate+1 {
				t.Errorf("%s: %d attempts in one second at %d/s", c.name, n, c.rate)
			}
		}
		if a, b := len(s.at["slow/a"]), len(s.at["slow/"]); min(a, b) < (a+b)*45/100 {
			t.Errorf("%d and %d attempts of two campaigns that share a limit", a, b)
		}
		s.mu.Unlock()
		if urgent, _, _ := o.lane.Depth(); urgent > 2*2*(20+20+5+100) {
			t.Errorf("%d wait in the lane for limits", urgent)
		}
		if n := o.lane.Limited(); n[limit.App] == 0 || n[limit.Campaign] == 0 {
			t.Errorf("limits keep %v", n)
		}
		o.lane.stop()
	})
}

func owned(o Owner, all []*Attempt) []*Attempt {
	for _, a := range all {
		a.Owner = o
	}
	return all
}

// Who has ten sends behind a limit that is reached does not wait for another
// campaign's ten thousand.
func TestCampaignsShareTheLimitOfTheirApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &seen{at: map[string][]time.Time{}}
		var l Limits
		l.Each[limit.App] = Rate{50, 5}
		o := &shop{owner: newOwner()}
		o.lane = run(Config{Deadline: time.Hour, Limits: l}, newPlugin(64, s.serve))
		synctest.Wait()
		o.lane.Push(owned(o, of("a/big", 10_000)))
		time.Sleep(10 * time.Second)
		o.lane.Push(owned(o, of("a/small", 10)))
		time.Sleep(4 * time.Second)
		synctest.Wait()
		s.mu.Lock()
		if n := len(s.at["a/small"]); n != 10 {
			t.Errorf("%d of ten have gone in 4 s", n)
		}
		if n := len(s.at["a/big"]); n < 50*14*95/100-10 {
			t.Errorf("%d of the others", n)
		}
		s.mu.Unlock()
		o.lane.stop()
	})
}

// A throttle that names a dimension keeps what has the same value of it until the
// provider may be asked again, to the letter, and nothing else.
func TestThrottleOfADimension(t *testing.T) {
	for _, c := range []struct {
		name  string
		named string
		keeps string // of the names a/x a/y b/x, which one's first is throttled: a/x
	}{
		{"the app", "app", "a/x a/y"},
		{"the campaign", "campaign", "a/x"},
		{"the recipient", "recipient", "a/x a/y"},         // they have one in each app
		{"the domain", "domain", "a/x b/x"},               // that of a/x and b/x is written in two ways
		{"the account", "account", "a/x a/y b/x"},         //
		{"a dimension of the provider's own", "pair", ""}, // the shard's business
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := &seen{at: map[string][]time.Time{}}
				p := newPlugin(1, func(st *stream) {
					st.answer(1)
					r := st.next()
					st.answer(0, &channelv1.Result{Token: r.Attempts[0].Token, Verdict: channelv1.Verdict_VERDICT_THROTTLED, Limit: c.named, RetryAfterMs: 7000})
					s.serve(st)
				})
				o := &shop{owner: newOwner()}
				o.lane = run(Config{Deadline: time.Hour}, p)
				synctest.Wait()
				o.lane.Push(owned(o, to("me@example.com", of("a/x", 1))))
				synctest.Wait()
				for name, address := range map[string]string{"a/x": "Us@EXAMPLE.com", "a/y": "us@example.org", "b/x": "you@example.com"} {
					o.lane.Push(owned(o, to(address, of(name, 30))))
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				for _, name := range []string{"a/x", "a/y", "b/x"} {
					first := s.at[name][0].Sub(began)
					kept := strings.Contains(c.keeps, name)
					if len(s.at[name]) != 30 || kept && first < 7*time.Second || first > 7*time.Second+5*time.Millisecond || !kept && first > 0 {
						t.Errorf("%s: %d, the first after %v", name, len(s.at[name]), first)
					}
				}
				if o.lane.gates.any {
					t.Error("a limit is looked up that nothing has")
				}
				o.lane.stop()
			})
		})
	}
}

func to(address string, all []*Attempt) []*Attempt {
	for _, a := range all {
		a.Address = &channelv1.Address{Value: address}
	}
	return all
}

// What a limit keeps can be taken back, and ends when its time is over.
func TestWhatALimitKeepsIsStillTheLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Limits
		l.Each[limit.Domain] = Rate{1.5, 1}
		r := run(Config{Deadline: time.Hour, Limits: l}, newPlugin(10, acceptAll(100)))
		synctest.Wait()
		a, b := newOwner(), newOwner()
		as, bs := to("x@example.com", attempts(a, "a", 2)), to("x@example.com", attempts(b, "b", 1))
		bs[0].Until = time.Now().Add(time.Second).UnixMilli()
		r.Push(as)
		r.Push(bs)
		synctest.Wait()
		if n := r.Limited(); n[limit.Domain] != 2 && a.count(Limited)+b.count(Limited) == 0 {
			t.Fatalf("limits keep %v", n)
		}
		r.Withdraw(a)
		if a.count(Answered) != 1 || a.count(Returned) != 1 {
			t.Errorf("of one owner %d are answered, %d returned", a.count(Answered), a.count(Returned))
		}
		r.stop()
		checkOnce(t, a, as)
		checkOnce(t, b, bs)
	})
}

// A node's share of the rates is that of its shards, and with more of them it
// begins without a burst: others may have used theirs.
func TestLimitsAreSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &seen{at: map[string][]time.Time{}}
		var l Limits
		l.Each[limit.App] = Rate{100, 50}
		o := &shop{owner: newOwner()}
		o.lane = run(Config{Deadline: time.Hour, Limits: l}, newPlugin(64, s.serve))
		synctest.Wait()
		during := func(share float64, d time.Duration) int {
			time.Sleep(10 * time.Second) // whatever the buckets hold
			o.lane.SetShare(share)
			s.mu.Lock()
			s.at = map[string][]time.Time{}
			s.mu.Unlock()
			o.lane.Push(owned(o, of("a/", int(share*200))))
			time.Sleep(d)
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.at["a/"])
		}
		for _, c := range []struct {
			share       float64
			least, most int
		}{
			{0.2, 19, 21}, // from nothing: no burst
			{0.2, 29, 31}, // the burst that it has earned
			{0.4, 39, 41}, // with more, none again
			{0.2, 29, 31}, // with less, its own
		} {
			if n := during(c.share, time.Second); n < c.least || n > c.most {
				t.Errorf("with a share of %v %d in a second, not %d to %d", c.share, n, c.least, c.most)
			}
		}
		o.lane.stop()
	})
}

// A lane knows the values of the last while and no more than it has room for; past
// that some share a limit, and none has more than its own.
func TestGatesAreBounded(t *testing.T) {
	now := time.Now()
	var l Limits
	l.Each[limit.Recipient] = Rate{10, 1}
	g := newGates(l, now)
	for i := range mostGates + 5000 {
		a := &Attempt{Send: of("a/", 1)[0].Send}
		a.Send.To = &carillonv1.Recipient{Id: fmt.Sprint(i)}
		if shut, _ := g.blocking(a, now); shut == nil {
			g.take(now)
			if again, _ := g.blocking(a, now); again == nil {
				t.Fatalf("recipient %d has no limit", i)
			}
		}
	}
	if n := len(g.known); n > mostGates+sharedGates {
		t.Errorf("%d values are known", n)
	}
	g.forget(now.Add(time.Second))
	if len(g.known) != 0 {
		t.Errorf("%d values are known that have rested", len(g.known))
	}
}

// Rates that are too small to split: three nodes together send at them, one attempt
// at a time, and go on so with other shards.
func TestSmallLimitsOfSeveralNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shards, lasts = 24, 60
		s := &seen{at: map[string][]time.Time{}}
		var l Limits
		l.Each[limit.App] = Rate{9.8, 1}
		var shops []*shop
		assign := func(nodes int) {
			for n, o := range shops {
				var owned []int32
				for i := range int32(shards) {
					if n < nodes && int(i)%nodes == n {
						owned = append(owned, i)
					}
				}
				o.lane.SetShards(owned, shards)
			}
		}
		for range 3 {
			o := &shop{owner: newOwner()}
			o.lane = run(Config{Deadline: time.Hour, Limits: l}, newPlugin(64, s.serve))
			shops = append(shops, o)
		}
		for _, nodes := range []int{3, 2, 3} {
			assign(nodes)
			for _, o := range shops[:nodes] {
				o.lane.Push(owned(o, of("a/", 1000)))
			}
			s.mu.Lock()
			s.at = map[string][]time.Time{}
			s.mu.Unlock()
			time.Sleep(lasts * time.Second)
			synctest.Wait()
			s.mu.Lock()
			if n := len(s.at["a/"]); n < 588*99/100 || n > 589 {
				t.Errorf("%d nodes: %d attempts in %d s at 9.8/s", nodes, n, lasts)
			}
			if n := s.within("a/", time.Second); n > 10 {
				t.Errorf("%d nodes: %d attempts in one second", nodes, n)
			}
			s.mu.Unlock()
		}
		for _, o := range shops {
			o.lane.stop()
		}
	})
}

// Two rates that are too small to split, one a part of the other: a node may have
// no moment at which both have a slot of its own.
func TestTwoSmallLimits(t *testing.T) {
	for _, c := range []struct{ app, campaign float64 }{{24, 12}, {36, 18}, {12, 12}, {11, 10}, {40, 4}} {
		t.Run(fmt.Sprintf("app=%v/campaign=%v", c.app, c.campaign), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const shards, nodes, lasts = 6, 3, 60
				s := &seen{at: map[string][]time.Time{}}
				var l Limits
				l.Each[limit.App], l.Each[limit.Campaign] = Rate{c.app, 1}, Rate{c.campaign, 1}
				var shops []*shop
				for n := range int32(nodes) {
					o := &shop{owner: newOwner()}
					o.lane = run(Config{Deadline: time.Hour, Limits: l}, newPlugin(64, s.serve))
					o.lane.SetShards([]int32{2 * n, 2*n + 1}, shards)
					o.lane.Push(owned(o, of("a/x", 1000)))
					shops = append(shops, o)
				}
				time.Sleep(lasts * time.Second)
				synctest.Wait()
				s.mu.Lock()
				if n, most := len(s.at["a/x"]), int(lasts*c.campaign); n < most*9/10 || n > most+nodes {
					t.Errorf("%d attempts in %d s at %v/s", n, lasts, c.campaign)
				}
				if n := s.within("a/x", time.Second); n > int(c.campaign)+nodes {
					t.Errorf("%d attempts in one second at %v/s", n, c.campaign)
				}
				s.mu.Unlock()
				for _, o := range shops {
					o.lane.stop()
				}
			})
		})
	}
}

// What a plugin declares holds where nothing is configured, or more.
func TestDeclaredRate(t *testing.T) {
	for _, c := range []struct {
		name           string
		rate, declared float64
		want           int // in 10 s
	}{
		{"none configured", 0, 20, 200},
		{"more configured", 50, 20, 200},
		{"less configured", 10, 20, 100},
		{"none declared", 10, 0, 100},
		{"nonsense", 10, math.NaN(), 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &seen{at: map[string][]time.Time{}}
				p := newPlugin(64, s.serve)
				p.declares = c.declared
				o := newOwner()
				l := run(Config{Deadline: time.Hour, Rate: c.rate, Burst: int(c.rate / 10)}, p)
				l.Push(owned(o, of("a/", 1000)))
				time.Sleep(10 * time.Second)
				synctest.Wait()
				s.mu.Lock()
				if n := len(s.at["a/"]); n < c.want-2 || n > c.want+2 {
					t.Errorf("%d attempts in 10 s, not %d", n, c.want)
				}
				s.mu.Unlock()
				l.stop()
			})
		})
	}
}

// A gate that has opened for a priority without room is no reason to ask again at
// once: nothing would come of it before there is room.
func TestOpenGatesWithoutRoom(t *testing.T) {
	now := time.Now()
	g := newGates(Limits{}, now)
	s := &shares{}
	a := of("a/", 1)[0]
	g.shut(limit.App, a, now.Add(time.Second), now)
	s.push(a)
	if s.pop(s.all(), &g, now) != nil || s.opens(now, time.Minute) != time.Second {
		t.Fatal("it is not kept for a second")
	}
	later := now.Add(2 * time.Second)
	if wait := s.opens(later, time.Minute); wait != time.Minute {
		t.Errorf("without room it is asked again after %v", wait)
	}
	s.remove(func(*Attempt) bool { return true })
	if wait := s.opens(later, time.Minute); wait != time.Minute {
		t.Errorf("with nothing left it is asked again after %v", wait)
	}
}
