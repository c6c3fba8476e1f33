package lane

import (
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// An urgent attempt goes past bulk ones that the plugin does not get around to
// reading, and past those that have nearly all credits. Without a stream of its
// own it stands behind them.
func TestUrgentPassesBulkOnItsWay(t *testing.T) {
	for _, c := range []struct {
		name    string
		split   bool
		credits uint32
		want    []string // that the plugin has read while it reads no bulk
		bulk    int      // open at most
	}{
		{"two streams", true, 16, []string{"u0", "u1"}, 4},
		{"two streams, and the credits that bulk leaves", true, 4, []string{"u0", "u1"}, 4},
		{"one stream", false, 16, nil, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				p := newPlugin(4, func(s *stream) {
					if !s.urgent {
						s.answer(c.credits)
						<-s.ctx.Done() // it reads nothing
						return
					}
					for r := s.next(); r != nil; r = s.next() {
						for _, a := range r.Attempts {
							got = append(got, a.Id)
							s.answer(1, accepted(a.Token))
						}
					}
				})
				p.split = c.split
				o := newOwner()
				l := run(Config{Deadline: time.Hour}, p)
				synctest.Wait()
				b := bulk(attempts(o, "b", 3))
				l.Push(b)
				synctest.Wait()
				u := attempts(o, "u", 2)
				for _, a := range u { // one after the other: the credits of the first come back on its stream
					l.Push([]*Attempt{a})
					synctest.Wait()
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("the plugin has read %v", got)
				}
				l.stop()
				checkOnce(t, o, append(b, u...))
			})
		})
	}
}

// While urgent attempts come, bulk ones leave an eighth of the credits to them,
// and have no more open than the cores get through soon; a minute later they have
// all.
func TestWhatBulkLeaves(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	for _, c := range []struct {
		name                  string
		credits, while, after int
	}{
		{"few credits: an eighth of them", 16, 14, 16},
		{"too few to leave any", 7, 7, 7},
		{"many: as many as keep the cores busy", 1000 * cores, bulkPerCore * cores, 1000 * cores},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlugin(100, func(s *stream) {
					if !s.urgent {
						s.answer(uint32(c.credits))
					}
					for r := s.next(); r != nil; r = s.next() {
						for _, a := range r.Attempts {
							if s.urgent {
								s.answer(1, accepted(a.Token))
							}
						}
					}
				})
				p.split = true
				l := run(Config{Deadline: time.Hour}, p)
				synctest.Wait()
				o := newOwner()
				u := attempts(o, "u", 1)
				l.Push(u)
				synctest.Wait()
				b := bulk(attempts(o, "b", 2*c.credits))
				l.Push(b)
				synctest.Wait()
				if _, _, open := l.Depth(); open != c.while {
					t.Errorf("%d bulk attempts are open while urgent ones come", open)
				}
				time.Sleep(urgentRecent) // nothing else wakes the lane
				synctest.Wait()
				if _, _, open := l.Depth(); open != c.after {
					t.Errorf("%d bulk attempts are open when none have come for a while", open)
				}
				l.stop()
				checkOnce(t, o, append(b, u...))
			})
		})
	}
}

// Streams of one plugin break together, and no attempt is in both.
func TestStreamsBreakTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlugin(10, func(s *stream) {
			if !s.urgent {
				s.answer(100)
				for s.next() != nil {
				}
				return
			}
			s.next() // the first urgent one breaks its stream
		})
		p.split = true
		l := run(Config{Deadline: time.Hour}, p)
		synctest.Wait()
		o := newOwner()
		b := bulk(attempts(o, "b", 5))
		l.Push(b)
		synctest.Wait()
		u := attempts(o, "u", 1)
		l.Push(u)
		synctest.Wait()
		if o.count(Lost) != 6 {
			t.Errorf("%d are lost", o.count(Lost))
		}
		time.Sleep(2 * reconnect)
		if n := p.opened(); n != 4 {
			t.Errorf("%d streams", n)
		}
		l.stop()
		checkOnce(t, o, append(b, u...))
	})
}
