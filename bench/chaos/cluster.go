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

	"github.com/carillonhq/carillon/bench/broker"
)

// cluster is what is broken: a broker, where it is ours, and nodes.
type cluster struct {
	broker *broker.Broker // nil where it is not ours
	addr   string
	name   string // of the broker
	prefix string // of the topics
	group  string
	nodes  []*node

	mu      sync.Mutex
	ending  bool
	doomed  *node // is to end by itself
	crashes []string
}

// openCluster starts the broker and the nodes, and waits until all are ready.
func openCluster(ctx context.Context, c Config, dir string) (*cluster, error) {
	k := &cluster{prefix: fmt.Sprintf("chaos-%x.", time.Now().UnixNano()), addr: c.Broker, name: c.Broker}
	k.group = k.prefix + "carillon"
	if err := k.openBroker(ctx, c, filepath.Join(dir, "broker")); err != nil {
		return nil, err
	}
	for i := range c.Nodes {
		if err := k.openNode(c, dir, fmt.Sprintf("node-%d", i)); err != nil {
			return nil, errors.Join(err, k.close())
		}
	}
	for _, n := range k.nodes {
		if err := k.awaitReady(ctx, n); err != nil {
			return nil, errors.Join(err, k.close())
		}
	}
	return k, nil
}

// openNode starts a node, with a link to the broker that can be cut where one
// of the faults does that.
func (k *cluster) openNode(c Config, dir, name string) (err error) {
	near, way := k.addr, (*link)(nil)
	if slices.Contains(c.Faults, Partition) {
		way = newLink()
		if near, err = way.to(k.addr); err != nil {
			return err
		}
	}
	n, err := newNode(dir, name, c.Command, nodeConfig{
		Broker: near, Prefix: k.prefix, Group: k.group, Session: c.Session, Drain: c.Session / 2,
		Partitions: c.Partitions, Rate: c.ProviderRate, Seed: c.Seed, Hold: c.Policy == "hold", Standby: c.Standby,
	})
	if err != nil {
		return err
	}
	n.link, n.crashed = way, k.crashed
	k.nodes = append(k.nodes, n)
	return n.start()
}

func (k *cluster) openBroker(ctx context.Context, c Config, dir string) (err error) {
	switch c.Broker {
	case "embedded":
		k.broker, err = broker.StartEmbedded(ctx, broker.Options{
			Dir: dir, Exe: c.Command[0], Args: slices.Concat(c.Command[1:], []string{"broker"}),
		})
	case "kafka":
		k.broker, err = broker.StartKafka(ctx, broker.Options{Dir: dir})
	default:
		return nil
	}
	if err == nil {
		k.addr, k.name = k.broker.Addr(), k.broker.Name()
	}
	return err
}

// readyWithin bounds a node's start, on a busy machine too.
const readyWithin = 90 * time.Second

func (k *cluster) awaitReady(ctx context.Context, n *node) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for !n.ready(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready within %v; its log is %s", n.name, readyWithin, n.log)
		case <-n.process().done:
			return fmt.Errorf("%s ended (%v); its log is %s", n.name, n.process().cmd.ProcessState, n.log)
		case <-poll.C:
		}
	}
	return nil
}

// crashed notes a node that ended by itself, and starts it again a moment later,
// as a supervisor would.
func (k *cluster) crashed(name string, how *os.ProcessState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	doomed := k.doomed != nil && k.doomed.name == name
	if k.ending || doomed && killed(how) {
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
			if n.name == name && !k.ending && !n.process().running() {
				_ = n.start()
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
			p := n.process()
			if p == nil || !p.running() {
				return
			}
			if clean, err := p.terminate(30 * time.Second); err != nil || !clean {
				unclean[i] = fmt.Sprintf("%s did not stop in good order (%v)", n.name, p.cmd.ProcessState)
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
	if k.broker == nil {
		return nil
	}
	return k.broker.Close()
}
