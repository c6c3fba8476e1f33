package engine_test

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sessions ends those that kfake forgets. Kafka expires a member that it has
// not heard of for a session timeout; kfake does not, if the member's connection
// broke while it was owed an answer, and each join of another member then makes
// it wait for that one for another rebalance timeout: for ever, with several.
type sessions struct {
	mu    sync.Mutex
	heard map[string]time.Time // by member
}

func watchSessions(c *kfake.Cluster) *sessions {
	s := &sessions{heard: map[string]time.Time{}}
	c.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat}, Observe: true, TopLevel: true, Count: -1,
		When: func(r kmsg.Request) bool {
			switch r := r.(type) {
			case *kmsg.JoinGroupRequest:
				s.hear(r.MemberID)
			case *kmsg.SyncGroupRequest:
				s.hear(r.MemberID)
			case *kmsg.HeartbeatRequest:
				s.hear(r.MemberID)
			}
			return false
		},
	})
	return s
}

func (s *sessions) hear(member string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard[member] = time.Now()
}

// expire takes out of the group who was silent for longer than a session.
func (s *sessions) expire(ctx context.Context, sc *scenario) {
	group := sc.cluster.GroupInfo(sc.config.Kafka.Group)
	if group == nil {
		return
	}
	for _, m := range group.Members {
		s.mu.Lock()
		silent := time.Since(s.heard[m.MemberID]) > session+time.Second
		s.mu.Unlock()
		if silent {
			if err := sc.observer.LeaveGroup(ctx, sc.config.Kafka.Group, m.MemberID); err != nil && ctx.Err() == nil {
				sc.fault("expire %s: %v", m.MemberID, err)
			}
		}
	}
}
