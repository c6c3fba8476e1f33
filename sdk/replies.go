package sdk

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

const (
	// pace is the least time between two messages while more results are to come.
	// A channel that makes a request for each attempt has its results one by one,
	// and a message for each costs plugin, engine and broker as much as the request.
	pace = 4 * time.Millisecond
	// Of so many results a message goes out at once, and of a quarter of all that
	// may be open: credits that are held back are attempts that nobody makes.
	most = 64
	part = 4
)

// replies gathers results from any goroutine and writes them to the stream: those
// that come soon after each other together, but the last one that is open, and so
// one that is alone, at once. A result gives its credit back.
type replies struct {
	stream grpc.BidiStreamingServer[channelv1.DeliverRequest, channelv1.DeliverResponse]
	wake   chan struct{} // capacity 1
	ready  chan struct{} // the same: nothing is to be waited for
	done   chan struct{}
	full   int // results of which a message goes out at once

	mu      sync.Mutex
	results []*channelv1.Result
	open    int // attempts whose results are to come
	credits uint32
	closed  bool
}

// newReplies grants credits at first; open is how many attempts there may be.
func newReplies(stream grpc.BidiStreamingServer[channelv1.DeliverRequest, channelv1.DeliverResponse], credits, open int) *replies {
	r := &replies{
		stream: stream, wake: make(chan struct{}, 1), ready: make(chan struct{}, 1), done: make(chan struct{}),
		full: max(1, min(most, open/part)), credits: uint32(credits),
	}
	signal(r.wake)
	go r.write()
	return r
}

// expect says that so many attempts have come, before their results are added.
func (r *replies) expect(attempts int) {
	r.mu.Lock()
	r.open += attempts
	r.mu.Unlock()
}

func (r *replies) add(res *channelv1.Result) {
	r.mu.Lock()
	r.results = append(r.results, res)
	r.credits++
	r.open--
	n, open := len(r.results), r.open
	r.mu.Unlock()
	if n == r.full || open == 0 {
		signal(r.ready)
	}
	if n == 1 {
		signal(r.wake)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// close writes what is left and waits for it. No add may follow.
func (r *replies) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	signal(r.wake)
	signal(r.ready)
	<-r.done
}

func (r *replies) write() {
	defer close(r.done)
	res := &channelv1.DeliverResponse{} // reused: Send has encoded it when it returns
	soon := time.NewTimer(0)
	for range r.wake {
		select {
		case <-soon.C:
		case <-r.ready: // or left of a message that has gone out: too early does no harm
		}
		clear(res.Results)
		r.mu.Lock()
		r.results, res.Results = res.Results[:0], r.results
		r.credits, res.Credits = 0, r.credits
		closed := r.closed
		r.mu.Unlock()
		if res.Credits > 0 {
			// A broken stream makes the engine count its attempts as unknown;
			// there is nobody left to tell.
			if err := r.stream.Send(res); err != nil {
				return
			}
		}
		soon.Reset(pace)
		if closed {
			return
		}
	}
}

func logPanic(p any) {
	fmt.Fprintf(os.Stderr, "panic in Deliver: %v\n%s", p, debug.Stack())
}
