package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/rig"
)

// cluster is what is broken: a broker, where it is ours, and nodes.
type cluster struct {
	broker rig.Broker
	prefix string // of the topics
	group  string
	nodes  []*node

	mu      sync.Mutex
	ending  bool
	doomed  *node // is to end by itself
	crashes []string
}

// openCluster starts the broker and the nodes, and waits until all are ready.
func openCluster(ctx context.Context, c Config, f *flow) (*cluster, error) {
	k := &cluster{prefix: fmt.Sprintf("chaos-%x.", time.Now().UnixNano())}
	k.group = k.prefix + "carillon"
	var err error
	if k.broker, err = rig.OpenBroker(ctx, c.Broker, filepath.Join(c.Dir, "broker"), c.Command); err != nil {
		return nil, err
	}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(err, k.close())
	}
	for i := range c.Nodes {
		if err := k.openNode(c, f, fmt.Sprintf("node-%d", i)); err != nil {
			return nil, errors.Join(err, k.close())
		}
	}
	for _, n := range k.nodes {
		if err := n.AwaitReady(ctx); err != nil {
			return nil, errors.Join(err, k.close())
		}
	}
	return k, nil
}

// openNode starts a node, with a link to the broker that can be cut where one
// of the faults does that.
func (k *cluster) openNode(c Config, f *flow, name string) (err error) {
	near, way := k.broker.Addr, (*link)(nil)
	if slices.Contains(c.Faults, Partition) {
		way = newLink()
		if near, err = way.to(k.broker.Addr); err != nil {
			return err
		}
	}
	n, err := newNode(c.Dir, name, c.Command, nodeConfig{
		Broker: near, Prefix: k.prefix, Group: k.group, Session: c.Session, Drain: c.Session / 2,
		Partitions: c.Partitions, Rate: c.ProviderRate, Seed: c.Seed, Hold: c.Policy == "hold", Standby: c.Standby, Flow: f,
	})
	if err != nil {
		return err
	}
	n.link, n.Ended = way, k.crashed
	k.nodes = append(k.nodes, n)
	return n.Start()
}

// crashed notes a node that ended by itself, and starts it again a moment later,
// as a supervisor would.
func (k *cluster) crashed(name string, how *os.ProcessState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	doomed := k.doomed != nil && k.doomed.Name == name
	if k.ending || doomed && process.Killed(how) {
		return
	}
	k.crashes = append(k.crashes, fmt.Sprintf("%s ended by itself: %v", name, how))
	if doomed {
		return // whoever doomed it starts it again
	}
	time.AfterFunc(time.Second, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, n := range k.nodes {
			if n.Name == name && !k.ending && !n.Process().Running() {
				_ = n.Start()
			}
		}
	})
}

// doom says of which node it is wanted that it ends by itself; nil: of none.
func (k *cluster) doom(n *node) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.doomed = n
}

// stopNodes ends the nodes in good order, and returns those that did not.
func (k *cluster) stopNodes() []string {
	k.mu.Lock()
	k.ending = true
	k.mu.Unlock()
	unclean := make([]string, len(k.nodes))
	var all sync.WaitGroup
	for i, n := range k.nodes {
		all.Go(func() {
			if err := n.Stop(30 * time.Second); err != nil {
				unclean[i] = err.Error()
			}
		})
	}
	all.Wait()
	return slices.DeleteFunc(unclean, func(s string) bool { return s == "" })
}

func (k *cluster) close() error {
	k.stopNodes()
	for _, n := range k.nodes {
		if n.link != nil {
			n.link.close()
		}
	}
	return k.broker.Close()
}
