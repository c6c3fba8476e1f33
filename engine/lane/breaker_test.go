package lane

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"pgregory.net/rapid"
)

var testBreaker = Breaker{Refusals: 3, Attempts: 20, Window: time.Minute, Pause: time.Second, MaxPause: 10 * time.Second}

// script plays answers, one attempt each, a millisecond apart: g good, f failing, r
// refused, t throttled. With one address each but where it is in capitals, which
// are all for the same.
func script(b *breaker, now *time.Time, text string) {
	for i, c := range text {
		*now = now.Add(time.Millisecond)
		token, address := uint64(1000+now.UnixMilli()), uint64(i+1)
		b.begin(token)
		says := map[rune]answer{'g': good, 'f': failing, 'F': failing, 'r': refused, 't': neutral}[c]
		if c == 'F' {
			address = 1
		}
		b.judge(token, says, address, *now, 0)
	}
}

func repeat(n int, s string) (all string) {
	for range n {
		all += s
	}
	return all
}

func TestBreakerOpens(t *testing.T) {
	for _, c := range []struct {
		name, answers string
		open          string // class; "" is closed
	}{
		{"a run of refused credentials", "grrr", Credential},
		{"one good answer ends the run", "rrgrr", ""},
		{"a throttle does not, nor a failure: the credentials were not looked at", "rtrfr", Credential},
		{"twenty that failed", repeat(20, "f"), Provider},
		{"not nineteen", repeat(19, "f"), ""},
		{"what goes well does not open it, whatever was before", repeat(9, "f") + "g" + repeat(9, "f") + "g", ""},
		{"two good ones among twenty do not keep it", "gg" + repeat(18, "f"), Provider},
		{"three do", "ggg" + repeat(17, "f"), ""},
		{"throttles are not counted", repeat(40, "t"), ""},
		{"one address that is out of order is not the account", repeat(200, "F"), ""},
		{"five of them are", repeat(15, "F") + repeat(5, "f"), Provider},
		{"what is older than the last twenty is forgotten", repeat(100, "g") + repeat(20, "f"), Provider},
	} {
		b, now := newBreaker(testBreaker), time.Unix(1000, 0)
		script(&b, &now, c.answers)
		if (b.State == Open) != (c.open != "") || b.Class != c.open {
			t.Errorf("%s: %v %q, want %q", c.name, b.State, b.Class, c.open)
		}
	}
	off, now := newBreaker(Breaker{}), time.Unix(1000, 0)
	script(&off, &now, repeat(100, "rf"))
	if off.State != Closed {
		t.Error("it is off, and opens")
	}
	slow, now := newBreaker(testBreaker), time.Unix(1000, 0)
	for range 40 {
		script(&slow, &now, "f")
		now = now.Add(4 * time.Second)
	}
	if slow.State != Closed {
		t.Error("twenty that failed within more than the window opened it")
	}
}

// Pauses double up to their bound, at least half of one is waited, and one attempt
// begins then.
func TestBreakerPauses(t *testing.T) {
	b, now := newBreaker(testBreaker), time.Unix(1000, 0)
	script(&b, &now, "rrr")
	for i, seconds := range []int{1, 2, 4, 8, 10, 10} {
		want := time.Duration(seconds) * time.Second
		if got := b.Until.Sub(now); got != want/2 { // a jitter of 0
			t.Errorf("pause %d is %v, want %v", i, got, want/2)
		}
		if n, wait := b.room(now, 5); n != 0 || wait != want/2 {
			t.Errorf("%d may begin, or in %v", n, wait)
		}
		now = b.Until
		if n, _ := b.room(now, 5); n != 1 || b.Rests(now) {
			t.Errorf("%d may begin when the time has come", n)
		}
		script(&b, &now, "r")
	}
	if b.Since != time.Unix(1000, 3e6) {
		t.Errorf("open since %v", b.Since)
	}
	now = b.Until
	script(&b, &now, "g")
	if b.State != Closed || (b.Health != Health{}) {
		t.Errorf("a probe went well: %+v", b.Health)
	}
	script(&b, &now, "rrr")
	if got := b.Until.Sub(now); got != 5*time.Second {
		t.Errorf("it was not well for long, and the pause is %v", got)
	}
	now = b.Until
	script(&b, &now, "t") // the provider is there
	now = now.Add(time.Minute)
	script(&b, &now, "rrr")
	if got := b.Until.Sub(now); got != time.Second/2 {
		t.Errorf("it was well for a minute, and the pause is %v", got)
	}
}

// After it has closed twice as many may be open with each round that goes well.
func TestBreakerRampsUp(t *testing.T) {
	b, now := newBreaker(testBreaker), time.Unix(1000, 0)
	script(&b, &now, "rrr")
	now = b.Until
	token := uint64(now.UnixMilli()) + 5000
	b.begin(token)
	b.judge(token, good, 0, now, 0)
	for round, want := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 10000} {
		n, _ := b.room(now, 10000)
		if n != want {
			t.Fatalf("round %d has room for %d, want %d", round, n, want)
		}
		for range n {
			token++
			b.begin(token)
		}
		if more, _ := b.room(now, 1); more != 0 && want < 10000 {
			t.Fatalf("%d more than %d", more, n)
		}
		for i := range n {
			b.judge(token-uint64(i), good, 0, now, 0)
		}
	}
	// What began before it opened says nothing when it ends after that.
	for range 100 {
		b.judge(1, failing, uint64(now.UnixNano()), now, 0)
		now = now.Add(time.Nanosecond)
	}
	if b.State != Closed {
		t.Error("late answers opened it anew")
	}
}

// Whatever comes: nothing begins while it rests, one attempt at most until it
// closes, pauses are bounded, it opens only for what it has seen, and closes when
// all goes well.
func TestBreakerWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, now, token := newBreaker(testBreaker), time.Unix(1000, 0), uint64(0)
		var open []uint64
		sinceClosed, probes := "", 0
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, 20 * time.Second}).Draw(t, "time"))
			before := b.Health
			if n, wait := b.room(now, 3); rapid.Bool().Draw(t, "begin") {
				if n == 0 && wait <= 0 || n > 0 && b.Rests(now) || n > 1 && b.State != Closed {
					t.Fatalf("%d may begin, else in %v: %+v", n, wait, b.Health)
				}
				for range n {
					token++
					open = append(open, token)
					if b.begin(token) {
						probes++
					}
				}
			} else if len(open) > 0 {
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				says := rapid.SampledFrom([]answer{neutral, good, failing, failing, refused}).Draw(t, "says")
				ended := open[i]
				open = append(open[:i], open[i+1:]...)
				changed := b.judge(ended, says, uint64(rapid.IntRange(0, 9).Draw(t, "address")), now, rapid.Float64Range(0, 0.999).Draw(t, "jitter"))
				if changed == (before == b.Health) {
					t.Fatalf("changed: %v, and from %+v to %+v", changed, before, b.Health)
				}
				if before.State == Closed {
					sinceClosed += fmt.Sprint(says)
				}
			}
			switch {
			case probes > 1:
				t.Fatal("two probes at a time")
			case before.State == Closed && b.State == Open && len(sinceClosed) < testBreaker.Refusals:
				t.Fatalf("it opened after %s", sinceClosed)
			case b.State == Open && (b.Until.Sub(now) > testBreaker.MaxPause || before.State != Open && b.Until.Sub(now) < testBreaker.Pause/2):
				t.Fatalf("a pause of %v", b.Until.Sub(now))
			}
			if b.State != HalfOpen {
				probes = 0
			}
			if b.State == Closed && before.State != Closed {
				sinceClosed = ""
			}
		}
		for range 2 { // the probe that is under way, or the next
			if now = now.Add(testBreaker.MaxPause); len(open) == 0 || b.State == Open {
				token++
				b.begin(token)
				open = append(open, token)
			}
			for _, o := range open {
				b.judge(o, good, 0, now, 0)
			}
			open = nil
		}
		if b.State != Closed {
			t.Fatalf("all goes well, and it is %+v", b.Health)
		}
	})
}

// A lane whose account is refused: what waits comes back, nothing but probes
// reaches the plugin, and when one goes well all others do.
func TestLaneLeavesItsAccountAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			broken atomic.Bool
			seen   atomic.Int64
		)
		broken.Store(true)
		p := newPlugin(4, func(s *stream) {
			s.answer(10)
			for r := s.next(); r != nil; r = s.next() {
				var results []*channelv1.Result
				for _, a := range r.Attempts {
					seen.Add(1)
					res := accepted(a.Token)
					if broken.Load() {
						res = &channelv1.Result{Token: a.Token, Verdict: channelv1.Verdict_VERDICT_REJECTED, Class: channelv1.Class_CLASS_CREDENTIAL}
					}
					results = append(results, res)
				}
				s.answer(uint32(len(results)), results...)
			}
		})
		o := newOwner()
		l := run(Config{Breaker: testBreaker}, p)
		pushed := attempts(o, "k", 100)
		l.Push(pushed)
		synctest.Wait()
		if h := l.Health(); h.State != Open || h.Class != Credential || o.count(Returned) != 100-int(seen.Load()) || seen.Load() > 12 {
			t.Fatalf("%+v, %d came back, %d were seen", h, o.count(Returned), seen.Load())
		}
		before := seen.Load()
		late := attempts(o, "late", 5)
		l.Push(late) // its shard did not know yet
		time.Sleep(30 * time.Second)
		if tries := seen.Load() - before; tries < 1 || tries > 3 {
			t.Errorf("%d probes in half a minute of five sends that stayed", tries)
		}
		if _, _, open := l.Depth(); open != 0 || o.count(Returned)+o.count(Answered) != 105 {
			t.Errorf("%d are open, %d came back", open, o.count(Returned))
		}
		broken.Store(false)
		more := attempts(o, "more", 50)
		time.Sleep(time.Until(l.Health().Until))
		l.Push(more)
		time.Sleep(time.Second)
		if h := l.Health(); h != (Health{}) || o.count(Answered) != int(seen.Load()) || seen.Load() < before+50 {
			t.Errorf("well again: %+v, %d answered, %d seen", h, o.count(Answered), seen.Load())
		}
		l.stop()
		checkOnce(t, o, append(append(pushed, late...), more...))
	})
}

// A plugin's process that dies is not the account: its attempts are lost, and the
// account goes on. A provider that never answers is.
func TestLostAnswersOpenTheBreaker(t *testing.T) {
	for _, breaks := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlugin(40, func(s *stream) {
				s.answer(100)
				if s.next() != nil && !breaks {
					<-s.ctx.Done()
				}
			})
			o := newOwner()
			l := run(Config{Breaker: testBreaker, Deadline: time.Second}, p)
			all := attempts(o, "k", 40)
			for i, a := range all {
				a.Address = &channelv1.Address{Value: fmt.Sprint(i)}
			}
			l.Push(all)
			time.Sleep(4 * time.Second)
			if open := l.Health().State == Open; open == breaks || o.count(Lost) != 40 {
				t.Errorf("the stream breaks: %v; open: %v, %d lost", breaks, open, o.count(Lost))
			}
			l.stop()
		})
	}
}

func BenchmarkBreaker(b *testing.B) {
	for _, says := range []answer{good, failing} {
		b.Run(map[answer]string{good: "good", failing: "one-address-failing"}[says], func(b *testing.B) {
			br, now := newBreaker(testBreaker), time.Unix(1000, 0)
			for i := range b.N {
				br.room(now, 1)
				br.begin(uint64(i))
				br.judge(uint64(i), says, 1, now, 0)
			}
		})
	}
}
