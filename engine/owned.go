package engine

import (
	"context"
	"sync"

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
	readers [2]*intake.Reader

	stop, abandon context.CancelFunc
	running       sync.WaitGroup
	ended         chan struct{} // closed when the shard's loop has ended
	err           error         // why it did; read after ended

	// accepted is what an operator has said of the inputs, until the first commit
	// that goes by it. The committer's.
	accepted [2]*controlv1.Record

	mu     sync.Mutex
	barred [2]error // inputs that are not read, until somebody decides
}

// bar stops one input for a reason that only an operator can mend.
func (s *ownedShard) bar(input int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.barred[input] = err
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
		if s.barredBy(i) != nil {
			p.Inputs[i].Low = intake.NoCommit
		}
	}
	return p, err
}

// run starts the shard, paused, and its readers. fault is told of a partition
// that can't be read any further.
func (s *ownedShard) run(fault func(kafka.Partition, error)) {
	stop, cancel := context.WithCancel(context.Background())
	abandoned, abandon := context.WithCancel(context.Background())
	s.stop, s.abandon = cancel, abandon
	for i, r := range s.readers {
		s.running.Go(func() {
			if err := r.Run(stop); err != nil {
				fault(s.inputs[i], err)
			}
		})
	}
	s.Pause()
	s.running.Go(func() {
		defer close(s.ended)
		s.err = s.Run(stop, abandoned, s.readers[intake.Urgent].Chunks, s.readers[intake.Bulk].Chunks)
	})
}

// wentBy tells the operator that what was accepted is committed.
func (s *ownedShard) wentBy(o *operator) {
	for i, r := range s.accepted {
		if r != nil {
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
