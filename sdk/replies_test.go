package sdk

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// sentAt is a stream that notes when messages went out, and how much was in them.
type sentAt struct {
	grpc.BidiStreamingServer[channelv1.DeliverRequest, channelv1.DeliverResponse]
	began    time.Time
	messages []message
}

type message struct {
	after            time.Duration
	results, credits int
}

func (s *sentAt) Send(r *channelv1.DeliverResponse) error {
	s.messages = append(s.messages, message{time.Since(s.began), len(r.Results), int(r.Credits)})
	return nil
}

// Results that come soon after each other share a message; nobody waits for what
// is not to come.
func TestReplies(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name string
		do   func(r *replies)
		want []message // after the first, which grants the credits
	}{
		{"one alone goes at once", func(r *replies) {
			r.expect(1)
			r.add(&channelv1.Result{})
		}, []message{{0, 1, 1}}},
		{"a batch that is answered at once goes at once", func(r *replies) {
			r.expect(10)
			for range 10 {
				r.add(&channelv1.Result{})
			}
		}, []message{{0, 10, 10}}},
		{"those of a batch wait for each other, but the last for nobody", func(r *replies) {
			r.expect(5)
			for range 5 {
				time.Sleep(3 * ms / 2)
				r.add(&channelv1.Result{})
			}
		}, []message{{pace, 2, 2}, {15 * ms / 2, 3, 3}}},
		{"none waits when the last message was long ago", func(r *replies) {
			r.expect(2)
			time.Sleep(time.Second)
			r.add(&channelv1.Result{})
			time.Sleep(time.Second)
			r.add(&channelv1.Result{})
		}, []message{{time.Second, 1, 1}, {2 * time.Second, 1, 1}}},
		{"a full message waits for nothing", func(r *replies) {
			r.expect(most + 2)
			for range most {
				r.add(&channelv1.Result{})
			}
			synctest.Wait()
			r.add(&channelv1.Result{})
			time.Sleep(time.Second)
			r.add(&channelv1.Result{})
		}, []message{{0, most, most}, {pace, 1, 1}, {time.Second, 1, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sentAt{began: time.Now()}
				r := newReplies(s, 100, 1000)
				synctest.Wait()
				c.do(r)
				synctest.Wait()
				time.Sleep(pace)
				r.close()
				if s.messages[0] != (message{0, 0, 100}) {
					t.Errorf("first it sent %+v, want the credits", s.messages[0])
				}
				got := s.messages[1:]
				if len(got) != len(c.want) {
					t.Fatalf("it sent %+v, want %+v", got, c.want)
				}
				for i, m := range got {
					if m != c.want[i] {
						t.Errorf("message %d is %+v, want %+v", i+1, m, c.want[i])
					}
				}
			})
		})
	}
}

// A channel that may have few attempts open has a quarter of the credits back at
// once: held back, they would leave its connections idle.
func TestRepliesOfFewCredits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sentAt{began: time.Now()}
		r := newReplies(s, 8, 8)
		synctest.Wait()
		r.expect(8)
		for range 5 {
			r.add(&channelv1.Result{})
			synctest.Wait()
		}
		var got []message
		got = append(got, s.messages[1:]...)
		if want := []message{{0, 2, 2}, {0, 2, 2}}; !slices.Equal(got, want) {
			t.Errorf("at once it sent %+v, want %+v", got, want)
		}
		r.close()
	})
}

// What is left goes out at the end.
func TestRepliesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sentAt{began: time.Now()}
		r := newReplies(s, 100, 1000)
		synctest.Wait()
		r.expect(3)
		r.add(&channelv1.Result{})
		r.close()
		if last := s.messages[len(s.messages)-1]; len(s.messages) != 2 || last.results != 1 || last.after != 0 {
			t.Errorf("%+v", s.messages)
		}
	})
}

// A goroutine that is idle is used again. One that is idle for long ends, and so
// do all at the end: the bubble of the test would not end before them.
func TestSpare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ran := make(spare), 0
		for range 3 {
			s.start(func() { ran++ })
			synctest.Wait()
		}
		if ran != 3 {
			t.Errorf("%d of 3 ran", ran)
		}
		time.Sleep(spareFor)
		synctest.Wait()
		select {
		case s <- func() {}:
			t.Error("one waits still")
		default:
		}
		s.start(func() {})
		close(s)
	})
}
