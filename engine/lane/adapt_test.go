package lane

import (
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"pgregory.net/rapid"
)

// Whatever comes, the rate is never above the configured one, nor near nothing; it
// falls once a second at most; and when all goes well it is the configured one
// again.
func TestAdaptiveWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a adaptive
		most := rapid.SampledFrom([]float64{0, 5, 1000}).Draw(t, "configured")
		now := time.Unix(1000, 0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			began := rapid.IntRange(0, 5).Draw(t, "begin")
			a.begun.add(began, now)
			before := a
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				changed := a.throttled(most, now)
				if changed != (now.Sub(before.at) >= time.Second) || before.rate > 0 && a.rate > max(before.rate, 0.1) {
					t.Fatalf("changed %v, from %+v to %+v", changed, before, a)
				}
			} else if a.well(most, now); before.rate > 0 && a.rate > 0 && a.rate <= before.rate {
				t.Fatalf("it went well, and the rate goes from %v to %v", before.rate, a.rate)
			}
			if most > 0 && a.rate >= most || a.rate != 0 && a.rate < 0.1 || math.IsNaN(a.rate) {
				t.Fatalf("a rate of %v", a.rate)
			}
		}
		for range 100_000 {
			a.well(most, now.Add(time.Hour))
		}
		if a.rate != 0 {
			t.Fatalf("all went well, and it stays at %v", a.rate)
		}
	})
}

// A provider lets 50 a second pass and throttles the rest. The lane finds that, with
// and without a rate of its own, and goes back to its own when it may.
func TestAdaptsToTheProvider(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		// most of 100 attempts that may be throttled
		throttled int64
	}{
		{"a rate that is twice what the provider lets pass", Config{Rate: 100, Burst: 10, Adaptive: true}, 10},
		{"no rate", Config{Adaptive: true}, 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &meteredProvider{}
			p.perSecond.Store(50)
			o := newOwner()
			l := run(c.cfg, newPlugin(4, p.serve))
			pushed := attempts(o, "k", 60_000)
			l.Push(pushed)
			time.Sleep(20 * time.Second) // until it has found it
			accepted, throttled := p.accepted.Load(), p.throttled.Load()
			time.Sleep(60 * time.Second)
			got, turnedAway := p.accepted.Load()-accepted, p.throttled.Load()-throttled
			t.Logf("%s: %d of 3000 in a minute, %d throttled; %+v", c.name, got, turnedAway, l.Pacing(time.Now()))
			if got < 2500 || turnedAway*100 > (got+turnedAway)*c.throttled {
				t.Errorf("%s: %d of 3000 in a minute, %d throttled", c.name, got, turnedAway)
			}
			if c.cfg.Rate > 0 {
				p.perSecond.Store(1000)
				time.Sleep(30 * time.Second)
				if got := l.Pacing(time.Now()); got.Rate != 100 || got.Configured != 100 {
					t.Errorf("the provider lets pass all, and the rate is %+v", got)
				}
			}
			l.stop()
		})
	}
}

// One attempt in ten is throttled whatever the rate: that tells of recipients, and
// costs the others about half of the rate, and not nearly all.
func TestThrottlesByChanceCostLittle(t *testing.T) {
	var a adaptive
	now, total := time.Unix(1000, 0), 0.0
	for n := range 600_000 { // at most 1,000 a second
		limit := a.rate
		if limit == 0 {
			limit = 1000
		}
		now = now.Add(time.Duration(float64(time.Second) / limit))
		if n%10 == 0 {
			a.throttled(1000, now)
		} else {
			a.well(1000, now)
		}
		total++
	}
	if rate := total / now.Sub(time.Unix(1000, 0)).Seconds(); rate < 400 {
		t.Errorf("%.0f a second of 1000", rate)
	}
}

// meteredProvider accepts so many a second, in buckets of a tenth, and asks for half
// a second else.
type meteredProvider struct {
	perSecond           atomic.Int64
	bucket              time.Time
	n                   int64
	accepted, throttled atomic.Int64
}

func (p *meteredProvider) serve(s *stream) {
	s.answer(64)
	for r := s.next(); r != nil; r = s.next() {
		var results []*channelv1.Result
		for _, a := range r.Attempts {
			if at := time.Now().Truncate(100 * time.Millisecond); !at.Equal(p.bucket) {
				p.bucket, p.n = at, 0
			}
			if p.n++; p.n > p.perSecond.Load()/10 {
				p.throttled.Add(1)
				results = append(results, &channelv1.Result{Token: a.Token, Verdict: channelv1.Verdict_VERDICT_THROTTLED, Code: "429"})
				continue
			}
			p.accepted.Add(1)
			results = append(results, accepted(a.Token))
		}
		s.answer(uint32(len(results)), results...)
	}
}

// A Retry-After holds from the verdict on, to the letter, and shows.
func TestRetryAfterHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		p := newPlugin(1, func(s *stream) {
			s.answer(1)
			for r := s.next(); r != nil; r = s.next() {
				began = append(began, time.Now())
				res := accepted(r.Attempts[0].Token)
				if len(began) == 2 {
					res = &channelv1.Result{Token: res.Token, Verdict: channelv1.Verdict_VERDICT_THROTTLED, RetryAfterMs: 7000}
				}
				s.answer(1, res)
			}
		})
		l := run(Config{}, p)
		l.Push(attempts(newOwner(), "k", 3))
		time.Sleep(time.Minute)
		l.stop()
		if len(began) != 3 || began[2].Sub(began[1]) != 7*time.Second || !l.Pacing(time.Now()).PausedUntil.Equal(began[2]) {
			t.Errorf("attempts at %v, paused until %v", began, l.Pacing(time.Now()).PausedUntil)
		}
	})
}

// A warm-up depends on the time alone, and is split as any rate.
func TestWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		steps := []Step{{start.Add(10 * time.Second), 2}, {start.Add(20 * time.Second), 10}}
		for _, c := range []struct {
			name  string
			cfg   Config
			share float64
			want  []float64 // at 5 s, 15 s, 25 s
		}{
			{"up to the account's rate", Config{Rate: 40, Burst: 4, WarmUp: steps}, 1, []float64{2, 10, 40}},
			{"half of it", Config{Rate: 40, Burst: 4, WarmUp: steps}, 0.5, []float64{1, 5, 20}},
			{"never above it", Config{Rate: 5, Burst: 1, WarmUp: steps}, 1, []float64{2, 5, 5}},
			{"to no limit", Config{WarmUp: steps}, 1, []float64{2, 10, 0}},
		} {
			l := New(c.cfg, nil, &observer{}, zerolog.Nop(), start)
			l.SetShare(c.share)
			for i, want := range c.want {
				if got := l.Pacing(start.Add(time.Duration(5+10*i) * time.Second)).Rate; got != want {
					t.Errorf("%s: step %d has %v, want %v", c.name, i, got, want)
				}
			}
		}
		var seen atomic.Int64
		o := newOwner()
		l := run(Config{Rate: 40, Burst: 1, WarmUp: steps}, newPlugin(4, count(10_000, &seen)))
		l.Push(attempts(o, "k", 1000))
		for i, want := range []int64{20, 100, 400} {
			before := seen.Load()
			time.Sleep(10 * time.Second)
			if got := seen.Load() - before; got < want-want/10-1 || got > want+want/10+1 {
				t.Errorf("step %d: %d went out, want %d", i, got, want)
			}
		}
		l.stop()
	})
}

func BenchmarkAdaptive(b *testing.B) {
	for _, reduced := range []bool{false, true} {
		name := map[bool]string{false: "full-rate", true: "lowered"}[reduced]
		b.Run(name, func(b *testing.B) {
			l := New(Config{Rate: 1e6, Burst: 100, Adaptive: true}, nil, &observer{}, zerolog.Nop(), time.Unix(1000, 0))
			now, ok := time.Unix(1000, 0), accepted(1)
			for range b.N {
				if l.adaptive.rate == 0 && reduced {
					l.adaptive.rate, l.adaptive.base = 1, 1e-9
				}
				l.adapt(ok, now)
			}
		})
	}
}
