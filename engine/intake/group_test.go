package intake

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// council is a group's members, and who owns what.
type council struct {
	*broker
	mu     sync.Mutex
	owners map[int32]string // by shard, while own runs
	latest map[string]Membership
	faults []string
}

func newCouncil(t *testing.T, partitions int32) *council {
	b := newBroker(t, partitions, kfake.GroupMinSessionTimeout(100*time.Millisecond))
	return &council{broker: b, owners: map[int32]string{}, latest: map[string]Membership{}}
}

func (c *council) config() GroupConfig {
	return GroupConfig{
		Client: c.client, ID: "g", Topics: []string{"sends", "sends.bulk"},
		SessionTimeout: 10 * time.Second, RebalanceTimeout: 10 * time.Second, Heartbeat: 10 * time.Millisecond,
	}
}

// join runs a member until leave is called, which returns when it has left.
func (c *council) join(name string) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		err := RunGroup(ctx, c.config(), zerolog.Nop(), func(ctx context.Context, m Membership) { c.own(ctx, name, m) })
		if err != nil {
			c.t.Error(err)
		}
	})
	leave = sync.OnceFunc(func() { cancel(); running.Wait() })
	c.t.Cleanup(leave)
	return leave
}

func (c *council) own(ctx context.Context, name string, m Membership) {
	c.mu.Lock()
	c.latest[name] = m
	for _, id := range m.Shards {
		if other, taken := c.owners[id]; taken {
			c.faults = append(c.faults, fmt.Sprintf("%d is given to %s while %s has it", id, name, other))
		}
		c.owners[id] = name
	}
	c.mu.Unlock()
	<-ctx.Done()
	time.Sleep(20 * time.Millisecond) // what an owner still has to do: it keeps its shards meanwhile
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range m.Shards {
		delete(c.owners, id)
	}
	delete(c.latest, name)
}

// settled waits until all shards are owned by as many members, in one
// generation.
func (c *council) settled(members, shards int) {
	c.t.Helper()
	until(c.t, fmt.Sprintf("%d members own %d shards", members, shards), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		generations := map[int32]bool{}
		for _, m := range c.latest {
			generations[m.Generation] = true
		}
		return len(c.owners) == shards && len(c.latest) == members && len(generations) == 1
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults != nil {
		c.t.Error(c.faults)
	}
}

func TestMembersShareTheShards(t *testing.T) {
	c := newCouncil(t, 5)
	leaveA := c.join("a")
	c.settled(1, 5)
	leaveB := c.join("b")
	c.settled(2, 5)
	leaveC := c.join("c")
	c.settled(3, 5)
	leaveB()
	c.settled(2, 5)
	leaveA()
	c.settled(1, 5)
	leaveC()
	if info := c.cluster.GroupInfo("g"); info == nil || len(info.Members) != 0 {
		t.Errorf("a member that stopped did not leave: %+v", info)
	}
}

// A share that is given up by its owner, since something failed, is joined for
// again.
func TestOwnerThatReturnsJoinsAgain(t *testing.T) {
	c := newCouncil(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	var generations []int32
	err := RunGroup(ctx, c.config(), zerolog.Nop(), func(_ context.Context, m Membership) {
		if !slices.Equal(m.Shards, []int32{0, 1}) {
			t.Error(m.Shards)
		}
		if generations = append(generations, m.Generation); len(generations) == 3 {
			cancel()
		}
	})
	if err != nil || len(generations) != 3 || generations[0] >= generations[1] || generations[1] >= generations[2] {
		t.Error(generations, err)
	}
}

func TestGroupThatCannotBe(t *testing.T) {
	c := newCouncil(t, 1)
	for name, change := range map[string]func(*GroupConfig){
		"without a name":                   func(cfg *GroupConfig) { cfg.ID = "" },
		"without topics":                   func(cfg *GroupConfig) { cfg.Topics = nil },
		"without heartbeats":               func(cfg *GroupConfig) { cfg.Heartbeat = 0 },
		"with a session that is too short": func(cfg *GroupConfig) { cfg.SessionTimeout = time.Millisecond },
	} {
		cfg := c.config()
		change(&cfg)
		if err := RunGroup(within(t), cfg, zerolog.Nop(), nil); err == nil {
			t.Error("a group runs", name)
		}
	}
}

// However fast the generations follow, an owner is done before the next begins.
func TestOwnersNeverOverlap(t *testing.T) {
	c := newCouncil(t, 1)
	c.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.RebalanceInProgress, Count: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	cfg := c.config()
	cfg.Heartbeat = time.Millisecond
	var inside, overlaps, runs atomic.Int32
	err := RunGroup(ctx, cfg, zerolog.Nop(), func(context.Context, Membership) {
		runs.Add(1)
		if inside.Add(1) > 1 {
			overlaps.Add(1)
		}
		time.Sleep(3 * time.Millisecond)
		inside.Add(-1)
	})
	if err != nil || runs.Load() < 2 || overlaps.Load() > 0 || inside.Load() > 0 {
		t.Errorf("%v: %d runs, %d overlaps, %d still run", err, runs.Load(), overlaps.Load(), inside.Load())
	}
}
