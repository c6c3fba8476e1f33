package intake

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// GroupConfig says which consumer group shares the shards out, and how it is
// reached.
type GroupConfig struct {
	Brokers []string
	ID      string
	Topics  []string // the inputs: urgent, bulk
	TLS     *tls.Config
	SASL    sasl.Mechanism

	SessionTimeout, RebalanceTimeout, Heartbeat time.Duration
}

// Membership is one generation's share: the shards that are owned until its
// context ends.
type Membership struct {
	Generation int32
	Member     string
	Shards     []int32
}

// RunGroup is a member of the group until ctx ends: own is called with each
// generation's share. own must return soon after its context ends: the group's
// next generation waits for it, up to the rebalance timeout.
func RunGroup(ctx context.Context, cfg GroupConfig, log zerolog.Logger, own func(context.Context, Membership)) error {
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: cfg.ID, Brokers: cfg.Brokers, Topics: cfg.Topics,
		Dialer: &kafkago.Dialer{
			ClientID: cfg.ID, Timeout: 10 * time.Second, DualStack: true, TLS: cfg.TLS, SASLMechanism: cfg.SASL,
		},
		GroupBalancers:    []kafkago.GroupBalancer{Balancer{}},
		HeartbeatInterval: cfg.Heartbeat, SessionTimeout: cfg.SessionTimeout, RebalanceTimeout: cfg.RebalanceTimeout,
		JoinGroupBackoff: time.Second, StartOffset: kafkago.FirstOffset,
	})
	if err != nil {
		return err
	}
	// Close waits until own has returned, and leaves the group.
	stop := context.AfterFunc(ctx, func() { _ = group.Close() })
	defer stop()
	// kafka-go waits for what is started on a generation, but for one that was
	// over before it got here; a node that was stopped for a while sees that.
	var turn sync.Mutex
	for {
		gen, err := group.Next(context.WithoutCancel(ctx))
		switch {
		case errors.Is(err, kafkago.ErrGroupClosed):
			err := group.Close()
			turn.Lock() // none begins any more: all generations are over
			defer turn.Unlock()
			return err
		case err != nil:
			log.Warn().Err(err).Str("group", cfg.ID).Msg("joining the consumer group failed; trying again")
			continue
		}
		m := Membership{Generation: gen.ID, Member: gen.MemberID, Shards: shared(gen.Assignments, cfg.Topics)}
		gen.Start(func(ctx context.Context) {
			turn.Lock()
			defer turn.Unlock()
			if ctx.Err() == nil {
				own(ctx, m)
			}
		})
	}
}

// shared returns the partitions that are owned of every input topic.
func shared(assigned map[string][]kafkago.PartitionAssignment, topics []string) []int32 {
	count := map[int]int{}
	for _, t := range topics {
		for _, a := range assigned[t] {
			count[a.ID]++
		}
	}
	var shards []int32
	for id, n := range count {
		if n == len(topics) {
			shards = append(shards, int32(id))
		}
	}
	slices.Sort(shards)
	return shards
}

// Balancer shares shards out evenly: partition i of every topic goes to the
// same member. It implements kafka-go's GroupBalancer.
type Balancer struct{}

// ProtocolName implements kafkago.GroupBalancer.
func (Balancer) ProtocolName() string { return "carillon" }

// UserData implements kafkago.GroupBalancer.
func (Balancer) UserData() ([]byte, error) { return nil, nil }

// AssignGroups implements kafkago.GroupBalancer: a run of neighbouring shards
// for each member, in the order of the members' ids.
func (Balancer) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	slices.SortFunc(members, func(a, b kafkago.GroupMember) int { return strings.Compare(a.ID, b.ID) })
	shards := 0
	for _, p := range partitions {
		shards = max(shards, p.ID+1)
	}
	out := kafkago.GroupMemberAssignments{}
	for _, m := range members {
		out[m.ID] = map[string][]int{}
	}
	for _, p := range partitions {
		owner := members[p.ID*len(members)/shards].ID
		out[owner][p.Topic] = append(out[owner][p.Topic], p.ID)
	}
	return out
}
