package lane

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillonhq/carillon/engine/limit"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"pgregory.net/rapid"
)

// hostile serves a stream by chance: it answers, answers twice, answers for
// tokens nobody gave, keeps silent, grants any credits, and breaks. Of several
// streams that share their credits each has a granted of its own, and those are
// not checked.
func hostile(seed uint64, split bool) func(*stream) {
	var streams atomic.Uint64
	return func(s *stream) {
		random := rand.New(rand.NewPCG(seed, streams.Add(1)))
		give := uint32(random.IntN(20))
		granted := int(give)
		s.answer(give)
		for r := s.next(); r != nil; r = s.next() {
			if granted -= len(r.Attempts); granted < 0 && !split || len(r.Attempts) > 8 || len(r.Attempts) == 0 {
				panic(fmt.Sprintf("a batch of %d leaves %d credits", len(r.Attempts), granted))
			}
			if random.IntN(12) == 0 {
				return
			}
			sleep(s.ctx, time.Duration(random.IntN(3000))*time.Millisecond)
			var results []*channelv1.Result
			for _, a := range r.Attempts {
				switch random.IntN(6) {
				case 0: // silence
				case 1:
					results = append(results, accepted(a.Token), accepted(a.Token))
				case 2:
					results = append(results, accepted(a.Token+1000), accepted(0))
				default:
					results = append(results, &channelv1.Result{Token: a.Token, Verdict: channelv1.Verdict(random.IntN(9))})
				}
			}
			give := uint32(random.IntN(10))
			granted += int(give)
			s.answer(give, results...)
		}
	}
}

// Whatever plugins, owners and clocks do, each attempt has one result.
func TestEachAttemptHasOneResult(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 60).Draw(rt, "steps")
		var fault string
		synctest.Test(t, func(*testing.T) { fault = upset(seed, steps) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

// upset plays steps against a lane with a hostile plugin, stops it, and says
// what is wrong.
func upset(seed uint64, steps []int) string {
	random := rand.New(rand.NewPCG(seed, 1))
	split := random.IntN(2) == 0
	p := newPlugin(8, hostile(seed, split))
	p.split = split
	var limits Limits
	if random.IntN(2) == 0 {
		limits.Each[limit.App], limits.Each[limit.Domain] = Rate{40, 4}, Rate{float64(2 + random.IntN(60)), 1}
	}
	l := run(Config{Deadline: 2 * time.Second, Rate: 50, Burst: 20, Limits: limits}, p)
	owners := []*owner{newOwner(), newOwner()}
	pushed := map[*owner][]*Attempt{}
	push := func() {
		o := owners[random.IntN(2)]
		all := attempts(o, "k", random.IntN(30))
		for _, a := range all {
			a.Bulk, a.Send.TestMode = random.IntN(2) == 0, random.IntN(8) == 0
			a.Address = &channelv1.Address{Value: []string{"a@example.com", "b@example.org", ""}[random.IntN(3)]}
			if random.IntN(3) == 0 {
				a.Expires = time.Now().Add(time.Duration(random.IntN(4000)-500) * time.Millisecond).UnixMilli()
			}
		}
		pushed[o] = append(pushed[o], all...)
		l.Push(all)
	}
	for _, step := range steps {
		switch step {
		case 0, 1, 2, 3:
			push()
		case 4:
			l.Withdraw(owners[random.IntN(2)])
		case 5:
			l.Pause(time.Now().Add(time.Duration(random.IntN(3000)) * time.Millisecond))
		case 6:
			l.SetShare(float64(random.IntN(3)) / 2)
		case 7:
			p.down()
			time.Sleep(time.Duration(random.IntN(5)) * time.Second)
			p.back()
		default:
			time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
		}
	}
	if random.IntN(2) == 0 {
		time.Sleep(time.Minute)
	}
	go push() // while it stops
	l.stop()
	synctest.Wait()
	return account(owners, pushed)
}

func account(owners []*owner, pushed map[*owner][]*Attempt) string {
	for _, o := range owners {
		if len(o.results) != len(pushed[o]) {
			return fmt.Sprintf("%d attempts have results, %d were pushed", len(o.results), len(pushed[o]))
		}
		for _, a := range pushed[o] {
			if len(o.results[a]) != 1 {
				return fmt.Sprintf("an attempt has the results %v", o.results[a])
			}
		}
	}
	return ""
}
