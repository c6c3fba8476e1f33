package lane

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCreditsAndBatchesHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const credits, batch = 10, 4
		var sizes []int
		grant := make(chan uint32)
		p := newPlugin(batch, func(s *stream) {
			s.answer(credits)
			for {
				select {
				case r := <-s.in:
					sizes = append(sizes, len(r.Attempts))
				case n := <-grant:
					s.answer(n)
				case <-s.ctx.Done():
					return
				}
			}
		})
		o := newOwner()
		l := run(Config{Deadline: time.Hour}, p)
		pushed := attempts(o, "k", 30)
		l.Push(pushed)
		synctest.Wait()
		if !slices.Equal(sizes, []int{4, 4, 2}) {
			t.Errorf("batches of %v on ten credits", sizes)
		}
		grant <- 3
		synctest.Wait()
		if !slices.Equal(sizes, []int{4, 4, 2, 3}) {
			t.Errorf("batches of %v on thirteen credits", sizes)
		}
		if urgent, bulk, open := l.Depth(); urgent != 17 || bulk != 0 || open != 13 {
			t.Error(urgent, bulk, open)
		}
		l.stop()
		checkOnce(t, o, pushed)
		if o.count(Lost) != 13 || o.count(Returned) != 17 {
			t.Errorf("%d lost, %d returned", o.count(Lost), o.count(Returned))
		}
	})
}

// A plugin takes so many bytes and no more; a batch past that would break the
// stream, and with it every attempt that is open.
func TestBatchesFitAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		largest, got := 0, 0
		p := newPlugin(64, func(s *stream) {
			s.answer(1000)
			for r := s.next(); r != nil; r = s.next() {
				largest, got = max(largest, r.SizeVT()), got+len(r.Attempts)
			}
		})
		l := run(Config{Deadline: time.Hour}, p)
		pushed := attempts(newOwner(), "k", 64)
		for _, a := range pushed {
			a.Send.Data = []byte(strings.Repeat("x", 1<<20))
		}
		l.Push(pushed)
		synctest.Wait()
		if got != 64 || largest > 32<<20 {
			t.Errorf("%d attempts, the largest batch has %d bytes", got, largest)
		}
		l.stop()
	})
}

// While both wait, eight urgent go for each bulk one; either takes all where
// the other has nothing.
func TestShares(t *testing.T) {
	o := newOwner()
	for _, c := range []struct {
		name         string
		urgent, bulk int
		want         string
	}{
		{"weighted", 18, 3, "uuuuuuuubuuuuuuuubuub"},
		{"urgent alone borrows", 12, 0, "uuuuuuuuuuuu"},
		{"bulk alone borrows", 0, 5, "bbbbb"},
		{"bulk takes the rest", 3, 4, "uuubbbb"},
	} {
		var s shares
		for _, a := range attempts(o, "u", c.urgent) {
			s.push(a)
		}
		for _, a := range bulk(attempts(o, "b", c.bulk)) {
			s.push(a)
		}
		var got strings.Builder
		for s.len() > 0 {
			got.WriteString(s.pop(s.all(), &gates{}, time.Now()).Send.Id[:1])
		}
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.String(), c.want)
		}
	}
	t.Run("bulk that comes after a run of urgent waits for eight at most", func(t *testing.T) {
		var s shares
		for _, a := range attempts(o, "u", 100) {
			s.push(a)
		}
		for range 30 {
			s.pop(s.all(), &gates{}, time.Now())
		}
		s.push(bulk(attempts(o, "b", 1))[0])
		for i := range weight + 1 {
			if s.pop(s.all(), &gates{}, time.Now()).Bulk {
				return
			} else if i == weight {
				t.Error("it starves")
			}
		}
	})
}

func TestRateAndPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		p := newPlugin(100, func(s *stream) {
			s.answer(1000)
			for r := s.next(); r != nil; r = s.next() {
				for _, a := range r.Attempts {
					begun.Add(1)
					s.answer(1, accepted(a.Token))
				}
			}
		})
		o := newOwner()
		l := run(Config{Rate: 10, Burst: 1}, p)
		pushed := attempts(o, "k", 300)
		l.Push(pushed)
		during := func(d time.Duration) int {
			synctest.Wait()
			n := begun.Load()
			time.Sleep(d)
			synctest.Wait()
			return int(begun.Load() - n)
		}
		check := func(what string, got, want int) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %d, want %d", what, got, want)
			}
		}
		check("at 10/s in 3 s", during(3*time.Second), 30)
		l.SetShare(0.5)
		during(time.Second) // whatever the old pace had let in
		check("at half of it in 3 s", during(3*time.Second), 15)
		l.Pause(time.Now().Add(2 * time.Second))
		l.Pause(time.Now().Add(time.Second)) // a shorter one does not end it
		check("in a pause", during(2*time.Second-time.Millisecond), 0)
		check("after the pause", during(time.Second), 5)
		l.Pause(time.Now().Add(2 * time.Second))
		l.SetShare(1) // a rebalance is no reason to press the provider
		check("in a pause, with a new share", during(2*time.Second-time.Millisecond), 0)
		during(time.Second)
		l.SetShare(0)
		during(time.Second)
		check("without a share", during(3*time.Hour), 0)
		l.SetShare(1)
		during(time.Second)
		check("with it again", during(2*time.Second), 20)
		l.Lease(time.Now().Add(time.Second))
		during(time.Second)
		check("past the lease", during(3*time.Hour), 0)
		l.Lease(time.Now().Add(time.Hour))
		during(time.Second)
		check("with a new lease", during(2*time.Second), 20)
		l.stop()
		checkOnce(t, o, pushed)
	})
}

func TestTestModeStopsShortOfThePlugin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen atomic.Int64
		p := newPlugin(10, count(100, &seen))
		o := newOwner()
		l := run(Config{}, p)
		pushed := attempts(o, "k", 25)
		for _, a := range pushed {
			a.Send.TestMode = true
		}
		l.Push(pushed)
		synctest.Wait()
		if seen.Load() != 0 || o.count(Tested) != 25 {
			t.Errorf("the plugin saw %d, %d were tested", seen.Load(), o.count(Tested))
		}
		l.stop()
		checkOnce(t, o, pushed)
	})
}

// What has expired is not attempted, however soon it is asked for: the clock is
// looked at before each batch, and not only when what waits is swept.
func TestWhatHasExpiredIsNotAttempted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen atomic.Int64
		p := newPlugin(10, count(100, &seen))
		o := newOwner()
		l := run(Config{Deadline: time.Hour}, p)
		synctest.Wait()
		l.Pause(time.Now().Add(200 * time.Millisecond))
		pushed := attempts(o, "k", 25)
		for i, a := range pushed {
			a.Expires = time.Now().Add(time.Duration(i) * 20 * time.Millisecond).UnixMilli()
		}
		l.Push(pushed)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if seen.Load() != 14 || o.count(Expired) != 11 {
			t.Errorf("the plugin saw %d, %d were expired", seen.Load(), o.count(Expired))
		}
		l.stop()
		checkOnce(t, o, pushed)
	})
}

// What may no longer begin goes back: when it would be its turn, and also while
// nothing goes at all.
func TestWhatHasMissedItsTimeIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen atomic.Int64
		p := newPlugin(10, count(100, &seen))
		o := newOwner()
		l := run(Config{Deadline: time.Hour}, p)
		synctest.Wait()
		l.Pause(time.Now().Add(200 * time.Millisecond))
		pushed := attempts(o, "k", 25)
		for i, a := range pushed[:20] { // the others have no such time
			a.Until = time.Now().Add(time.Duration(i) * 20 * time.Millisecond).UnixMilli()
		}
		l.Push(pushed)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if seen.Load() != 14 || o.count(Returned) != 11 {
			t.Errorf("the plugin saw %d, %d were returned", seen.Load(), o.count(Returned))
		}
		l.Pause(time.Now().Add(time.Hour))
		more := attempts(o, "m", 3)
		for _, a := range more {
			a.Until = time.Now().Add(time.Minute).UnixMilli()
		}
		l.Push(more)
		time.Sleep(time.Minute + 2*time.Second)
		if seen.Load() != 14 || o.count(Returned) != 14 {
			t.Errorf("while the lane rests: the plugin saw %d, %d were returned", seen.Load(), o.count(Returned))
		}
		l.stop()
		checkOnce(t, o, append(pushed, more...))
	})
}

// Results of one answer reach their owners in order, each its own.
func TestResultsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := run(Config{}, newPlugin(64, acceptAll(64)))
		a, b := newOwner(), newOwner()
		var pushed []*Attempt
		as, bs := attempts(a, "a", 40), attempts(b, "b", 40)
		for i := range as {
			pushed = append(pushed, as[i], bs[i])
		}
		l.Push(pushed)
		synctest.Wait()
		for i, o := range []*owner{a, b} {
			for j, id := range o.order {
				if want := [][]*Attempt{as, bs}[i][j].Send.Id; id != want {
					t.Fatalf("place %d is %s", j, id)
				}
			}
		}
		checkOnce(t, a, as)
		checkOnce(t, b, bs)
		l.stop()
	})
}

// What waits ends when its time is over, and so does what is open for too
// long, whether or not the plugin is up.
func TestTimesEndWhatWaitsAndWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tokens []uint64
		late := make(chan struct{})
		p := newPlugin(10, func(s *stream) {
			s.answer(2)
			for {
				select {
				case r := <-s.in:
					for _, a := range r.Attempts {
						tokens = append(tokens, a.Token)
					}
				case <-late:
					s.answer(0, accepted(tokens[0]), accepted(tokens[1]), accepted(999))
				case <-s.ctx.Done():
					return
				}
			}
		})
		o := newOwner()
		l := run(Config{Deadline: 3 * time.Second}, p)
		pushed := attempts(o, "k", 4)
		for _, a := range pushed {
			a.Expires = time.Now().Add(10 * time.Second).UnixMilli()
		}
		l.Push(pushed)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if o.count(Lost) != 2 || o.count(Expired) != 0 {
			t.Errorf("after the deadline %d are lost, %d expired", o.count(Lost), o.count(Expired))
		}
		late <- struct{}{}
		synctest.Wait()
		if l.observer.late != 3 || o.count(Answered) != 0 {
			t.Errorf("%d late answers were counted, %d given on", l.observer.late, o.count(Answered))
		}
		p.down()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if o.count(Expired) != 2 {
			t.Errorf("%d expired", o.count(Expired))
		}
		checkOnce(t, o, pushed)
		l.stop()
	})
}

// A plugin that ends every stream at once is not asked as fast as it can say
// no.
func TestBreakingStreamsAreNotOpenedInALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlugin(10, func(*stream) {})
		l := run(Config{}, p)
		time.Sleep(10 * time.Second)
		if n := p.opened(); n < 2 || n > 12 {
			t.Errorf("%d streams in ten seconds", n)
		}
		l.stop()
	})
}

func TestWithdrawTakesOneOwnersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlugin(10, acceptAll(0)) // no credits: all waits
		l := run(Config{}, p)
		a, b := newOwner(), newOwner()
		as, bs := append(attempts(a, "a", 5), bulk(attempts(a, "c", 5))...), attempts(b, "b", 5)
		l.Push(as)
		l.Push(bs)
		l.Withdraw(a)
		if a.count(Returned) != 10 || b.count(Returned) != 0 {
			t.Error(a.count(Returned), b.count(Returned))
		}
		l.stop()
		checkOnce(t, a, as)
		checkOnce(t, b, bs)
		after := attempts(a, "z", 3)
		l.Push(after)
		if a.count(Returned) != 13 {
			t.Error("what is pushed after the end does not come back")
		}
	})
}

// What matches comes back, and nothing else: not another owner's, and not what is
// at the plugin.
func TestRecall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlugin(10, acceptAll(0)) // no credits: all waits
		l := run(Config{}, p)
		a, b := newOwner(), newOwner()
		as, bs := append(attempts(a, "a", 5), bulk(attempts(a, "c", 5))...), attempts(b, "b", 5)
		l.Push(as)
		l.Push(bs)
		l.Recall(a, func(x *Attempt) bool { return x == as[1] || x == as[7] || x == bs[2] })
		if a.count(Returned) != 2 || b.count(Returned) != 0 {
			t.Error(a.count(Returned), b.count(Returned))
		}
		l.stop()
		checkOnce(t, a, as)
		checkOnce(t, b, bs)
	})
}

// What is halted comes back when its turn is there, and all else goes.
func TestHalt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlugin(10, acceptAll(20))
		l := run(Config{}, p)
		a := newOwner()
		as := attempts(a, "a", 10)
		l.Halt(func(x *Attempt, _ time.Time) bool { return x == as[1] || x == as[7] })
		l.Push(as)
		synctest.Wait()
		if a.count(Returned) != 2 || a.count(Answered) != 8 {
			t.Error(a.count(Returned), a.count(Answered))
		}
		l.Halt(nil)
		more := attempts(a, "b", 1)
		l.Push(more)
		synctest.Wait()
		if a.count(Answered) != 9 {
			t.Error("it goes on halting")
		}
		l.stop()
		checkOnce(t, a, append(as, more...))
	})
}

func TestAboutIsWhatThePluginDeclares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := run(Config{}, newPlugin(7, acceptAll(1)))
		synctest.Wait()
		if a := l.About(); a == nil || a.MaxBatch != 7 || a.Deadline != 5*time.Second || a.AddressKind != "phone" {
			t.Errorf("%+v", a)
		}
		l.stop()
	})
}

var _ Stream = (*stream)(nil)

// A lane takes as many announcements as its rate has in a second, or eight
// batches where it has none; urgent ones don't stand behind bulk.
func TestAhead(t *testing.T) {
	for _, c := range []struct {
		name         string
		rate, share  float64
		urgent, bulk int // that wait
		want         [2]int
	}{
		{"no rate", 0, 1, 0, 0, [2]int{32, 32}},
		{"a rate, and all of it", 10, 1, 0, 0, [2]int{10, 10}},
		{"a node's share of it", 10, 0.5, 0, 0, [2]int{5, 5}},
		{"a share of less than one", 1, 0.1, 0, 0, [2]int{1, 1}},
		{"bulk that waits", 10, 1, 0, 8, [2]int{10, 2}},
		{"urgent attempts that wait", 10, 1, 4, 8, [2]int{6, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlugin(4, func(s *stream) { <-s.ctx.Done() }) // never takes anything
				l := run(Config{Rate: c.rate, Deadline: time.Hour}, p)
				synctest.Wait()
				l.SetShare(c.share)
				bulk := attempts(newOwner(), "b", c.bulk)
				for _, a := range bulk {
					a.Bulk = true
				}
				l.Push(append(attempts(newOwner(), "u", c.urgent), bulk...))
				if got := [2]int{l.Ahead(false), l.Ahead(true)}; got != c.want {
					t.Errorf("room for %v, want %v", got, c.want)
				}
				l.stop()
			})
		})
	}
}
