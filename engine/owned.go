package engine

import (
	"context"
	"sync"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/shard"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// ownedShard is a shard that this node runs, from its claim until it is closed.
// It outlives generations: between two of them it is paused.
type ownedShard struct {
	*shard.Shard
	id      int32
	inputs  [2]kafka.Partition
	readers [2]reading
	// generation is the latest that the shard was this node's in.
	generation int32

	stop, abandon context.CancelFunc
	running       sync.WaitGroup // the loop
	ended         chan struct{}  // closed when it has ended
	err           error          // why it did; read after ended

	mu sync.Mutex
	// accepted is what an operator has said of the inputs, until a commit goes by
	// it.
	accepted [2]*controlv1.Record
	barred   [2]error    // inputs that are not read and not committed, until somebody decides
	stopped  [2]*Stopped // inputs that can't be read any further
}

// reading is a reader that runs.
type reading struct {
	*intake.Reader
	stop context.CancelFunc
	done chan struct{}
}

func startReading(r *intake.Reader, fault func(error)) reading {
	ctx, stop := context.WithCancel(context.Background())
	rd := reading{r, stop, make(chan struct{})}
	go func() {
		defer close(rd.done)
		if err := r.Run(ctx); err != nil {
			fault(err)
		}
	}()
	return rd
}

func (r reading) end() {
	r.stop()
	<-r.done
}

// bar stops one input for a reason that only an operator can mend.
func (s *ownedShard) bar(input int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.barred[input] = err
}

// stopAt notes that an input can't be read any further. What was read goes on.
func (s *ownedShard) stopAt(input int, at *Stopped) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped[input] = at
}

func (s *ownedShard) stoppedAt(input int) *Stopped {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped[input]
}

// goOn notes that a stopped input is read on as an operator has said.
func (s *ownedShard) goOn(input int, by *controlv1.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped[input], s.accepted[input] = nil, by
}

// barredBy returns why an input is not read, nil where it is.
func (s *ownedShard) barredBy(input int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.barred[input]
}

// position is what the next commit says of the shard. Of a barred input it says
// nothing: what is committed is the evidence.
func (s *ownedShard) position(ctx context.Context) (shard.Position, error) {
	p, err := s.Ask(ctx)
	for i := range p.Inputs {
		if s.barredBy(i) != nil && !fault.Mutant(fault.BarredIsCommitted) {
			p.Inputs[i].Low = intake.NoCommit
		}
	}
	return p, err
}

// run starts the shard, paused.
func (s *ownedShard) run() {
	stop, cancel := context.WithCancel(context.Background())
	abandoned, abandon := context.WithCancel(context.Background())
	s.stop, s.abandon = cancel, abandon
	s.Pause()
	s.running.Go(func() {
		defer close(s.ended)
		s.err = s.Run(stop, abandoned, s.readers[intake.Urgent].Chunks, s.readers[intake.Bulk].Chunks)
	})
}

// wentBy tells the operator what was accepted and is committed now.
func (s *ownedShard) wentBy(o *operator, committed [2]intake.Reservation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.accepted {
		if r != nil && committed[i].Low >= r.GetAcceptance().From {
			o.wentBy(r)
			s.accepted[i] = nil
		}
	}
}

// alive says whether the loop runs.
func (s *ownedShard) alive() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// close ends the shard at once: what it has under way is given up, and whoever
// owns it next finds it in doubt. After a pause nothing is.
func (s *ownedShard) close() {
	for _, r := range s.readers {
		r.end()
	}
	s.stop()
	s.abandon()
	s.running.Wait()
}

// owned are the node's shards. It is safe for concurrent use; one goroutine at
// a time opens and closes a shard.
type owned struct {
	mu     sync.Mutex
	shards map[int32]*ownedShard
}

func (o *owned) get(id int32) *ownedShard {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.shards[id]
}

func (o *owned) set(id int32, s *ownedShard) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s == nil {
		delete(o.shards, id)
	} else {
		o.shards[id] = s
	}
}

// all returns the shards whose loop runs.
func (o *owned) all() []*ownedShard {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []*ownedShard
	for _, s := range o.shards {
		if s.alive() {
			all = append(all, s)
		}
	}
	return all
}

// ids returns the shards that this node may still have the state of: what it
// asks the group to leave with it.
func (o *owned) ids() []int32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ids []int32
	for id := range o.shards {
		ids = append(ids, id)
	}
	return ids
}
