package intake

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Members come and go, and no more shards move than have to.
func TestMembersShareTheShards(t *testing.T) {
	inVirtualTime(t, 6, func(t *testing.T, c *council) {
		leaveA := c.join("a")
		c.settles(1, 6, 5*time.Second)
		leaveB := c.join("b")
		c.settles(2, 6, 5*time.Second)
		a, b := c.now("a").Shards, c.now("b").Shards
		leaveC := c.join("c")
		c.settles(3, 6, 5*time.Second)
		if !among(c.now("a").Shards, a) || !among(c.now("b").Shards, b) {
			t.Errorf("c joined: a had %v and has %v, b had %v and has %v", a, c.now("a").Shards, b, c.now("b").Shards)
		}
		a = c.now("a").Shards
		leaveB()
		c.settles(2, 6, 5*time.Second)
		if !among(a, c.now("a").Shards) {
			t.Errorf("b left: a had %v and has %v", a, c.now("a").Shards)
		}
		leaveA()
		c.settles(1, 6, 5*time.Second)
		leaveC()
		if info := c.cluster.GroupInfo("g"); info == nil || len(info.Members) != 0 {
			t.Errorf("a member that stopped did not leave: %+v", info)
		}
	})
}

// among tells whether all of some are among all.
func among(some, all []int32) bool {
	return !slices.ContainsFunc(some, func(id int32) bool { return !slices.Contains(all, id) })
}

// A share that is given up by its owner, since something failed, is joined for
// again.
func TestOwnerThatReturnsJoinsAgain(t *testing.T) {
	c := newCouncil(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	var generations []int32
	err := RunGroup(ctx, c.cfg, zerolog.Nop(), func(_ context.Context, m Membership) {
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
		cfg := c.cfg
		change(&cfg)
		if err := RunGroup(within(t), cfg, zerolog.Nop(), nil); err == nil {
			t.Error("a group runs", name)
		}
	}
}

// A member claims what it still has of what it was given last, and says when
// that was: it may have joined a generation since that came to nothing.
func TestSubscription(t *testing.T) {
	m := &member{
		GroupConfig: GroupConfig{Topics: []string{"sends", "sends.bulk"}, Owned: func() []int32 { return []int32{1, 2, 3} }},
		generation:  7, last: Membership{Generation: 5, Shards: []int32{0, 1, 2}},
	}
	got := m.subscription()
	if got.Generation != 5 || !slices.Equal(whole(got.Owned, m.Topics), []int32{1, 2}) || len(got.Owned) != 4 {
		t.Errorf("%+v", got)
	}
	m.Owned = nil
	if got := m.subscription(); got.Owned != nil || len(got.Topics) != 2 {
		t.Errorf("%+v", got)
	}
}

// However fast the generations follow, an owner is done before the next begins.
func TestOwnersNeverOverlap(t *testing.T) {
	inVirtualTime(t, 1, func(t *testing.T, c *council) {
		c.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.RebalanceInProgress, Count: -1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var inside, overlaps, runs atomic.Int32
		err := RunGroup(ctx, c.node("a").cfg, zerolog.Nop(), func(context.Context, Membership) {
			runs.Add(1)
			if inside.Add(1) > 1 {
				overlaps.Add(1)
			}
			time.Sleep(3 * time.Second)
			inside.Add(-1)
		})
		if err != nil || runs.Load() < 2 || overlaps.Load() > 0 || inside.Load() > 0 {
			t.Errorf("%v: %d runs, %d overlaps, %d still run", err, runs.Load(), overlaps.Load(), inside.Load())
		}
	})
}
