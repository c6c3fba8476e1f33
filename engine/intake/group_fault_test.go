package intake

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// start runs nodes one after the other and waits until they share the shards.
func (c *council) start(shards int, names ...string) map[string]*node {
	nodes := map[string]*node{}
	for i, name := range names {
		nodes[name] = c.node(name)
		nodes[name].run()
		c.settles(i+1, shards, 5*time.Second)
	}
	return nodes
}

// lastCause is why a node's last generation ended.
func (n *node) lastCause() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.causes) == 0 {
		return nil
	}
	return n.causes[len(n.causes)-1]
}

// The group's coordinator moves again and again, and nobody's work is interrupted.
func TestCoordinatorMoves(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		nodes := c.start(4, "a", "b")
		for range 20 {
			c.cluster.RehashCoordinators()
			time.Sleep(time.Second)
		}
		c.settles(2, 4, 0)
		if len(nodes["b"].generations) != 1 || len(nodes["a"].generations) != 2 {
			t.Errorf("a had %d generations, b %d", len(nodes["a"].generations), len(nodes["b"].generations))
		}
	})
}

// The answer to a join, or to a sync, is lost while it waits for others: the
// node asks again as who it is, and the group does not wait for a ghost.
func TestLostAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		key  kmsg.Key
		hits int // of b's and a's requests, by when b waits
	}{
		"join": {kmsg.JoinGroup, 2}, // the first is told its id
		"sync": {kmsg.SyncGroup, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, 4, func(t *testing.T, council *council) {
				council.start(4, "a")
				b := council.node("b")
				seen := council.seen(c.key)
				if c.key == kmsg.SyncGroup { // a leads and is slow to share out
					council.cluster.ControlKey(int16(kmsg.SyncGroup), func(req kmsg.Request) (kmsg.Response, error, bool) {
						if req.(*kmsg.SyncGroupRequest).GroupAssignment == nil {
							return nil, nil, false
						}
						council.cluster.SleepControl(func() { time.Sleep(5 * time.Second) })
						return nil, nil, false
					})
				}
				b.run()
				if err := seen.Wait(within(t), c.hits); err != nil {
					t.Fatal(err)
				}
				b.reset()
				council.settles(2, 4, 10*time.Second)
				if info := council.cluster.GroupInfo("g"); len(info.Members) != 2 {
					t.Errorf("%d members", len(info.Members))
				}
			})
		})
	}
}

// The connection on which a node waits for the others is dead, and nobody tells
// it. Its heartbeats go another way, and say that the others are further.
func TestDeafJoin(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		nodes := c.start(4, "a")
		b := c.node("b")
		b.slow = 5 * time.Second
		b.run()
		c.settles(2, 4, 5*time.Second)
		seen := c.seen(kmsg.JoinGroup)
		c.join("c")
		if err := seen.Wait(within(t), 3); err != nil { // c twice, then a, who waits for b
			t.Fatal(err)
		}
		nodes["a"].deafen(kmsg.JoinGroup)
		c.settles(3, 4, 7*time.Second)
	})
}

// What the brokers may answer a member, and what it makes of that.
func TestAnswers(t *testing.T) {
	const session = 30 * time.Second
	for _, c := range []struct {
		name   string
		key    kmsg.Key
		answer *kerr.Error
		count  int
		most   time.Duration
		cause  error  // of the end of the first generation; nil: it went on
		log    string // in the node's log
	}{
		{"join: the coordinator loads the group", kmsg.JoinGroup, kerr.CoordinatorLoadInProgress, 8, 10 * time.Second, nil, ""},
		{"join: the coordinator is another one", kmsg.JoinGroup, kerr.NotCoordinator, 3, 5 * time.Second, nil, ""},
		{"join: the group is full", kmsg.JoinGroup, kerr.GroupMaxSizeReached, 5, 10 * time.Second, nil, "raise the brokers' group.max.size"},
		{"join: others speak other protocols", kmsg.JoinGroup, kerr.InconsistentGroupProtocol, 2, 5 * time.Second, nil, "another program"},
		{"join: unknown member", kmsg.JoinGroup, kerr.UnknownMemberID, 1, 5 * time.Second, nil, ""},
		{"join: no permission yet", kmsg.JoinGroup, kerr.GroupAuthorizationFailed, 4, 10 * time.Second, nil, "needs Read on the group"},
		{"sync: another rebalance", kmsg.SyncGroup, kerr.RebalanceInProgress, 2, 5 * time.Second, nil, ""},
		{"sync: the coordinator loads the group", kmsg.SyncGroup, kerr.CoordinatorLoadInProgress, 2, 5 * time.Second, nil, ""},
		{"sync: another generation", kmsg.SyncGroup, kerr.IllegalGeneration, 1, 5 * time.Second, nil, ""},
		// The group knows the old id until its session has ended: it is waited for.
		{"sync: unknown member", kmsg.SyncGroup, kerr.UnknownMemberID, 1, session + 5*time.Second, nil, ""},
		{"heartbeat: a rebalance", kmsg.Heartbeat, kerr.RebalanceInProgress, 1, 5 * time.Second, kafkago.RebalanceInProgress, ""},
		{"heartbeat: another generation", kmsg.Heartbeat, kerr.IllegalGeneration, 1, 5 * time.Second, kafkago.IllegalGeneration, ""},
		{"heartbeat: unknown member", kmsg.Heartbeat, kerr.UnknownMemberID, 1, session + 5*time.Second, kafkago.UnknownMemberId, ""},
		{"heartbeat: fenced", kmsg.Heartbeat, kerr.FencedInstanceID, 1, session + 5*time.Second, kafkago.FencedInstanceID, ""},
		{"heartbeat: the coordinator is another one", kmsg.Heartbeat, kerr.NotCoordinator, 20, 30 * time.Second, nil, ""},
		{"heartbeat: none is answered for a session", kmsg.Heartbeat, kerr.CoordinatorLoadInProgress, 200, 2 * time.Minute, ErrOver, "no heartbeat gets through"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inVirtualTime(t, 3, func(t *testing.T, council *council) {
				fault := council.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.answer, Count: c.count, TopLevel: true})
				begin := time.Now()
				a := council.node("a")
				a.run()
				if err := fault.Wait(within5(t), c.count); err != nil {
					t.Fatalf("the brokers answered so %d times of %d", fault.Hits(), c.count)
				}
				time.Sleep(3 * time.Second) // it may have a generation that is over
				council.settles(1, 3, c.most-time.Since(begin))
				time.Sleep(5 * time.Second) // and stays
				council.settles(1, 3, 0)
				a.mu.Lock()
				defer a.mu.Unlock()
				if c.cause == nil && len(a.causes) > 0 || c.cause != nil && (len(a.causes) != 1 || !errors.Is(a.causes[0], c.cause) || !errors.Is(a.causes[0], ErrOver)) {
					t.Errorf("generations ended for %v, want %v", a.causes, c.cause)
				}
				if !strings.Contains(a.log.String(), c.log) {
					t.Errorf("the log does not say %q: %s", c.log, a.log)
				}
			})
		})
	}
}

// within5 is for what takes minutes of virtual time.
func within5(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// A group of old and new nodes takes the format that all of them know, and the
// newer one once the last old node has left.
func TestFormats(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		step := func(want int, names ...string) {
			t.Helper()
			c.settles(len(names), 4, 10*time.Second)
			for _, name := range names {
				if got := c.now(name).Format; got != want {
					t.Errorf("%s writes format %d of %v, want %d", name, got, names, want)
				}
			}
		}
		run := func(name string, oldest, newest int) *node {
			n := c.node(name)
			n.formats = []int{oldest, newest}
			n.run()
			return n
		}
		run("new", 1, 2)
		step(2, "new")
		old := run("old", 1, 1)
		step(1, "new", "old")
		run("next", 1, 3)
		step(1, "new", "old", "next")
		old.leave()
		step(2, "new", "next")
		far := run("far", 3, 4) // it has nothing in common with "new"
		time.Sleep(5 * time.Second)
		step(2, "new", "next")
		if !strings.Contains(far.log.String(), "a version that is too far away") {
			t.Errorf("the log does not say why: %s", far.log)
		}
	})
}

// One that reads other topics is given nothing and takes nothing away.
func TestMemberOfOtherTopics(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		nodes := c.start(4, "a")
		stray := c.node("stray")
		stray.cfg.Topics = []string{"sends", "elsewhere"}
		stray.run()
		c.settles(2, 4, 5*time.Second)
		if got := c.now("a").Shards; len(got) != 4 {
			t.Errorf("a has %v", got)
		}
		if !strings.Contains(nodes["a"].log.String(), "kafka.prefix is wrong") {
			t.Errorf("the log does not say it: %s", nodes["a"].log)
		}
	})
}

// The leader cannot count the shards while a topic is missing; the group waits
// for it.
func TestMissingTopic(t *testing.T) {
	inVirtualTime(t, 4, func(t *testing.T, c *council) {
		a := c.node("a")
		a.cfg.Topics = []string{"sends", "late"}
		a.run()
		time.Sleep(10 * time.Second)
		if !strings.Contains(a.log.String(), "a topic of sends, late does not exist") {
			t.Errorf("the log does not say it: %s", a.log)
		}
		if err := c.cluster.CreateTopic("late", 4, nil); err != nil {
			t.Fatal(err)
		}
		c.settles(1, 4, 5*time.Second)
	})
}
