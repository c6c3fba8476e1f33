package sdk

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"google.golang.org/grpc"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// replies gathers results from any goroutine and writes them to the stream in
// as few messages as the stream's pace allows. A result gives its credit back.
type replies struct {
	stream grpc.BidiStreamingServer[channelv1.DeliverRequest, channelv1.DeliverResponse]
	wake   chan struct{} // capacity 1
	done   chan struct{}

	mu      sync.Mutex
	results []*channelv1.Result
	credits uint32
	closed  bool
}

func newReplies(stream grpc.BidiStreamingServer[channelv1.DeliverRequest, channelv1.DeliverResponse], credits int) *replies {
	r := &replies{stream: stream, wake: make(chan struct{}, 1), done: make(chan struct{}), credits: uint32(credits)}
	r.signal()
	go r.write()
	return r
}

func (r *replies) add(res *channelv1.Result) {
	r.mu.Lock()
	r.results = append(r.results, res)
	r.credits++
	r.mu.Unlock()
	r.signal()
}

func (r *replies) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// close writes what is left and waits for it. No add may follow.
func (r *replies) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.signal()
	<-r.done
}

func (r *replies) write() {
	defer close(r.done)
	res := &channelv1.DeliverResponse{} // reused: Send has encoded it when it returns
	for range r.wake {
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
		if closed {
			return
		}
	}
}

func logPanic(p any) {
	fmt.Fprintf(os.Stderr, "panic in Deliver: %v\n%s", p, debug.Stack())
}
