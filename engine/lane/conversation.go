package lane

import (
	"context"
	"sync"

	"github.com/carillonhq/carillon/engine/fault"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// conversation is the streams between a lane and its plugin that live and break
// together.
type conversation struct {
	cancel  context.CancelFunc
	ways    []*way
	written chan *way // whose request is on its way
	running sync.WaitGroup
}

// way is one stream, and the request that goes out on it next. While it is idle
// the request is the sender's, else the writer's.
type way struct {
	stream Stream
	idle   bool // the sender's
	out    request
	full   chan struct{}
}

func (c *conversation) add(s Stream) {
	c.ways = append(c.ways, &way{stream: s, idle: true, full: make(chan struct{}, 1)})
}

// way returns the one for attempts of a priority.
func (c *conversation) way(bulk bool) *way {
	if bulk {
		return c.ways[0]
	}
	return c.ways[len(c.ways)-1]
}

// start reads and writes until end. What it returns is closed when a stream has
// broken.
func (c *conversation) start(heard func(*channelv1.DeliverResponse), broke func(error)) <-chan struct{} {
	broken := make(chan struct{})
	var first sync.Once // the others end with it
	c.written = make(chan *way, len(c.ways))
	for _, w := range c.ways {
		c.running.Go(func() { w.write(c.written) })
		c.running.Go(func() {
			for {
				res, err := w.stream.Recv()
				if err != nil {
					first.Do(func() { broke(err); close(broken) })
					return
				}
				heard(res)
			}
		})
	}
	return broken
}

// send has the writers send the requests that have been filled, and says
// whether there were any.
func (c *conversation) send() (sent bool) {
	for _, w := range c.ways {
		if w.idle && len(w.out.Attempts) > 0 {
			w.idle, sent = false, true
			w.full <- struct{}{}
		}
	}
	return sent
}

// write sends one request after another. Of a stream that fails, the reader says
// why.
func (w *way) write(written chan<- *way) {
	for range w.full {
		fault.Point(fault.BeforeAttempt)
		err := w.stream.Send(&w.out.DeliverRequest)
		w.out.reset()
		if err != nil {
			return
		}
		written <- w
	}
}

// end breaks the streams, and returns when nobody reads or writes any more.
func (c *conversation) end() {
	c.cancel()
	for _, w := range c.ways {
		close(w.full)
	}
	c.running.Wait()
}
