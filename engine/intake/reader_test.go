package intake

import (
	"fmt"
	"sync"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
)

// seen implements Observer.
type seen struct {
	mu      sync.Mutex
	records map[send.Format]int
	near    []string
}

func (s *seen) Read(_ string, n int, f send.Format) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records == nil {
		s.records = map[send.Format]int{}
	}
	s.records[f] += n
}

func (s *seen) NearMiss(field string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.near = append(s.near, field)
}

const shards = 16

// homeOf finds a recipient whose shard it is.
func homeOf(shard int32) string {
	for i := 0; ; i++ {
		if id := fmt.Sprintf("u%d", i); kafka.PartitionOf([]byte(id), shards) == shard {
			return id
		}
	}
}

func sendTo(recipient, id string) kafka.Record {
	return kafka.Record{
		Key: []byte(recipient), Time: time.UnixMilli(1_700_000_000_000),
		Value: fmt.Appendf(nil, `{"id":%q,"app":"shop","to":{"id":%q,"email":"a@example.com"},"channels":["email"],"content":{"body":"B"}}`, id, recipient),
	}
}

func newTestReader(o Observer) *Reader {
	return NewReader(kafka.Partition{Topic: "sends", Index: 3}, shards, send.DefaultLimits(), o)
}
