package intake

import (
	"context"
	"fmt"
	"maps"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// council is a group's members, and who owns what.
type council struct {
	*broker
	addrs []string
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	cfg   GroupConfig // what all have in common

	mu     sync.Mutex
	drain  time.Duration    // what an owner needs to give its shards up, from its next generation on
	owners map[int32]string // by shard, while own runs
	latest map[string]Membership
	faults []string
}

func newCouncil(t *testing.T, partitions int32) *council {
	b := newBroker(t, partitions, kfake.GroupMinSessionTimeout(100*time.Millisecond))
	return convene(b, b.cluster.ListenAddrs(), (&net.Dialer{}).DialContext, GroupConfig{
		SessionTimeout: 10 * time.Second, RebalanceTimeout: 10 * time.Second, Heartbeat: 10 * time.Millisecond,
	})
}

// inVirtualTime runs a test of a group in which hours pass in no time, with the
// times that nodes have in production.
func inVirtualTime(t *testing.T, partitions int32, test func(*testing.T, *council)) {
	synctest.Test(t, func(t *testing.T) {
		network := &kfake.VirtualNetwork{}
		cluster, err := kfake.NewCluster(
			kfake.Ports(19092, 19093, 19094), kfake.ListenFn(network.Listen), kfake.SeedTopics(partitions, "sends", "sends.bulk"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		far := func(ctx context.Context, name, address string) (net.Conn, error) {
			conn, err := network.DialContext(ctx, name, address)
			return distant{conn}, err
		}
		c := convene(&broker{t: t, cluster: cluster}, cluster.ListenAddrs(), far, GroupConfig{
			SessionTimeout: 30 * time.Second, RebalanceTimeout: time.Minute, Heartbeat: 300 * time.Millisecond,
		})
		c.takes(2 * time.Second)
		test(t, c)
	})
}

// distant is a connection to a broker that hears a request after it was sent, as
// all do: in a network without that, a member and its group end the session in
// the same instant, in any order.
type distant struct{ net.Conn }

func (d distant) Write(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return d.Conn.Write(b)
}

func convene(b *broker, addrs []string, dial func(context.Context, string, string) (net.Conn, error), cfg GroupConfig) *council {
	cfg.Client, cfg.ID, cfg.Topics = b.client, "g", []string{"sends", "sends.bulk"}
	return &council{
		broker: b, addrs: addrs, dial: dial, cfg: cfg, drain: 20 * time.Millisecond,
		owners: map[int32]string{}, latest: map[string]Membership{},
	}
}

// join runs a node until leave is called.
func (c *council) join(name string) (leave func()) {
	n := c.node(name)
	n.run()
	return n.leave
}

// begins notes a node's share, and says how long it takes to give it up.
func (c *council) begins(name string, m Membership) (drain time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest[name] = m
	for _, id := range m.Shards {
		if other, taken := c.owners[id]; taken {
			c.faults = append(c.faults, fmt.Sprintf("%d is given to %s while %s has it", id, name, other))
		}
		c.owners[id] = name
	}
	return c.drain
}

// takes says how long an owner needs to give its shards up.
func (c *council) takes(drain time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain = drain
}

// gone takes a node and its shards off.
func (c *council) gone(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.owners, func(_ int32, owner string) bool { return owner == name })
	delete(c.latest, name)
}

// settled waits until all shards are owned by as many members, in one
// generation.
func (c *council) settled(members, shards int) {
	c.t.Helper()
	until(c.t, fmt.Sprintf("%d members own %d shards", members, shards), func() bool { return c.rests(members, shards) })
	c.checkOwners()
}

// settles is settled with a bound, for virtual time.
func (c *council) settles(members, shards int, most time.Duration) {
	c.t.Helper()
	for begin := time.Now(); !c.rests(members, shards); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > most {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Fatalf("after %v %v own %v", most, c.latest, c.owners)
		}
	}
	c.checkOwners()
}

func (c *council) rests(members, shards int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	generations := map[int32]bool{}
	for _, m := range c.latest {
		generations[m.Generation] = true
	}
	return len(c.owners) == shards && len(c.latest) == members && len(generations) == 1
}

// checkOwners looks whether a shard ever had two owners.
func (c *council) checkOwners() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults != nil {
		c.t.Error(c.faults)
	}
}

// now returns a node's share.
func (c *council) now(name string) Membership {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest[name]
}

// seen counts the requests of one kind that the brokers have got from here on.
func (c *council) seen(key kmsg.Key) *kfake.FaultHandle {
	return c.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Observe: true, Count: -1, TopLevel: true})
}
