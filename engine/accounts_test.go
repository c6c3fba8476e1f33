package engine

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/metrics"
	"github.com/carillonhq/carillon/engine/shard"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// refusing is a plugin whose accounts are refused until they are mended.
type refusing struct {
	taking
	bad *bool
	out chan *channelv1.DeliverResponse
}

func newRefusing(bad *bool) *refusing {
	return &refusing{bad: bad, out: make(chan *channelv1.DeliverResponse, 100)}
}

func (r *refusing) Deliver(ctx context.Context, account string, urgent bool) (lane.Stream, error) {
	_, err := r.taking.Deliver(ctx, account, urgent)
	r.out <- &channelv1.DeliverResponse{Credits: 100}
	return r, err
}

func (r *refusing) Send(req *channelv1.DeliverRequest) error {
	for _, a := range req.Attempts {
		res := &channelv1.Result{Token: a.Token, Verdict: channelv1.Verdict_VERDICT_ACCEPTED}
		if *r.bad {
			res.Verdict, res.Class = channelv1.Verdict_VERDICT_REJECTED, channelv1.Class_CLASS_CREDENTIAL
		}
		r.out <- &channelv1.DeliverResponse{Credits: 1, Results: []*channelv1.Result{res}}
	}
	return nil
}

func (r *refusing) Recv() (*channelv1.DeliverResponse, error) {
	select {
	case res := <-r.out:
		return res, nil
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
}

func accountOf(t *testing.T, l *lanes, app, recipient string) string {
	t.Helper()
	way, _, code := l.Choose("sms", app, recipient, time.Now())
	if way == nil {
		return code
	}
	_, account := way.Name()
	return account
}

// Recipients are split by weight and stay; while an account is left alone its own
// go to the others of its priority, then to the next one, and come back.
func TestAccountsOfAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes()
		m := metrics.New(prometheus.NewRegistry())
		bad := map[string]*bool{}
		refuse := map[string]func(){}
		for _, a := range []struct {
			name             string
			apps             []string
			weight, priority int
		}{
			{"light", []string{"*"}, 1, 0}, {"heavy", []string{"*"}, 3, 0}, {"spare", []string{"*"}, 1, 1}, {"own", []string{"shop"}, 1, 0},
		} {
			bad[a.name] = new(bool)
			ln := lane.New(lane.Config{Channel: "sms", Account: a.name, Breaker: lane.Breaker{Refusals: 1, Pause: time.Minute, MaxPause: time.Minute}},
				newRefusing(bad[a.name]), newLaneObserver(m, "sms", a.name), zerolog.Nop(), time.Now())
			l.addWay("sms", a.apps, ln, a.weight, a.priority)
			go ln.Run(t.Context())
			refuse[a.name] = func() {
				*bad[a.name] = true
				ln.Push([]*lane.Attempt{{Send: &carillonv1.Send{To: &carillonv1.Recipient{}}, Owner: deaf{}}})
				synctest.Wait()
			}
		}
		synctest.Wait()
		const people = 4000
		first, n := map[string]string{}, map[string]int{}
		for i := range people {
			who := fmt.Sprint("u", i)
			first[who] = accountOf(t, l, "app", who)
			n[first[who]]++
			if accountOf(t, l, "app", who) != first[who] {
				t.Fatalf("%s changes its account", who)
			}
		}
		if math.Abs(float64(n["light"])-people/4) > people/40 || n["light"]+n["heavy"] != people {
			t.Errorf("weights of 1 and 3 make %v", n)
		}
		if got := accountOf(t, l, "shop", "u1"); got != "own" {
			t.Errorf("an app with an account of its own has %s", got)
		}
		refuse["heavy"]()
		for who, was := range first {
			if got := accountOf(t, l, "app", who); got != "light" {
				t.Fatalf("%s of %s has %s", who, was, got)
			}
		}
		if !l.Spared("sms", "heavy") || l.Spared("sms", "own") || l.Spared("sms", "nobody") || l.Spared("none", "heavy") {
			t.Error("which accounts are spared")
		}
		refuse["light"]()
		refuse["own"]()
		if got := accountOf(t, l, "app", "u1"); got != "spare" {
			t.Errorf("with no other account that is well: %s", got)
		}
		if got := accountOf(t, l, "shop", "u1"); got != "own" {
			t.Errorf("an app with an account of its own has %s", got)
		}
		refuse["spare"]()
		if got := accountOf(t, l, "app", "u1"); got != first["u1"] {
			t.Errorf("none is well, and it is not its own: %s", got)
		}
		time.Sleep(time.Minute) // a probe is due: the first has its own again
		for who, was := range first {
			if got := accountOf(t, l, "app", who); got != was {
				t.Fatalf("%s of %s has %s", who, was, got)
			}
		}
		if l.Account("sms", "light", "app") == nil || l.Account("sms", "light", "shop") != nil || l.Account("mail", "light", "app") != nil {
			t.Error("accounts by name")
		}
		if got := accountOf(t, newLanes(), "app", "u1"); got != shard.CodeUnknownChannel {
			t.Error(got)
		}
	})
}

func BenchmarkChoose(b *testing.B) {
	m := metrics.New(prometheus.NewRegistry())
	for _, accounts := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			l := newLanes()
			for i := range accounts {
				name := fmt.Sprint("a", i)
				l.add("sms", []string{"*"}, lane.New(lane.Config{Channel: "sms", Account: name}, nil, newLaneObserver(m, "sms", name), zerolog.Nop(), time.Now()))
			}
			now := time.Now()
			for b.Loop() {
				l.Choose("sms", "shop", "recipient-1", now)
			}
		})
	}
}
