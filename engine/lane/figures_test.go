package lane

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillonhq/carillon/engine/limit"
)

// What an operator is shown: how many wait and are open, the node's part of the
// rate, how long the provider wants to be left alone, and whether the lease is
// over; and where one attempt is.
func TestFiguresAndFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlugin(4, func(s *stream) {
			s.answer(2)
			<-s.ctx.Done()
		})
		o, other := newOwner(), newOwner()
		l := run(Config{Deadline: time.Minute, Rate: 100, Burst: 10}, p)
		l.SetShare(0.25)
		time.Sleep(time.Second)
		pushed := attempts(o, "m", 5)
		for _, a := range pushed {
			a.Ref = a.Send.Id
		}
		l.Push(pushed)
		began := time.Now()
		synctest.Wait()
		now := time.Now()
		want := Figures{Urgent: 3, Open: 2, Account: 100, Rate: 25, Share: .25}
		if got := l.Figures(now); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		until := now.Add(time.Minute)
		l.Pause(until)
		l.Lease(now.Add(-time.Second))
		if got := l.Figures(now); got.Paused != until || !got.Lapsed {
			t.Errorf("%+v is not paused until %v, or has a lease", got, until)
		}
		if got := l.Figures(until); !got.Paused.IsZero() {
			t.Errorf("the pause is over, and %v is shown", got.Paused)
		}
		is := func(id string) func(any) bool { return func(ref any) bool { return ref == id } }
		open, waits := 0, 0
		for _, a := range pushed {
			switch s, ok := l.Find(o, now, is(a.Send.Id)); {
			case !ok || s.Ref != a.Send.Id:
				t.Errorf("%s is not found", a.Send.Id)
			case s.Open && s.Began.Equal(began) && s.Deadline.UnixMilli() == began.Add(time.Minute).UnixMilli():
				open++
			case !s.Open && s.Began.IsZero():
				waits++
			default:
				t.Errorf("%s: %+v", a.Send.Id, s)
			}
		}
		if open != 2 || waits != 3 {
			t.Errorf("%d are open and %d wait", open, waits)
		}
		l.SetShare(0)
		if got := l.Figures(now); got.Share != 0 || got.Rate != 0 {
			t.Errorf("a node without a shard has %+v", got)
		}
		if _, ok := l.Find(o, now, is("nobody")); ok {
			t.Error("nobody is found")
		}
		if _, ok := l.Find(other, now, is(pushed[0].Send.Id)); ok {
			t.Error("another owner's attempt is found")
		}
		l.stop()
	})
}

// One that a limit beside the account's rate keeps is found with that limit, and
// until when.
func TestFindBehindALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlugin(4, func(s *stream) {
			s.answer(10)
			<-s.ctx.Done()
		})
		o, limits := newOwner(), Limits{}
		limits.Each[limit.App] = Rate{PerSecond: 2, Burst: 1}
		l := run(Config{Deadline: time.Minute, Limits: limits}, p)
		pushed := attempts(o, "m", 3)
		for _, a := range pushed {
			a.Ref = a.Send.Id
		}
		l.Push(pushed)
		synctest.Wait()
		now, kept := time.Now(), 0
		for _, a := range pushed {
			s, _ := l.Find(o, now, func(ref any) bool { return ref == a.Send.Id })
			if s.Limited {
				kept++
				if s.Limit != limit.App || !s.Opens.After(now) || s.Opens.After(now.Add(time.Second)) {
					t.Errorf("%+v", s)
				}
			}
		}
		if f := l.Figures(now); kept == 0 || f.Limited[limit.App] != kept {
			t.Errorf("%d are found behind the limit, and %+v counts others", kept, f)
		}
		l.stop()
	})
}
