package chaos

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"sync"
	"text/template"
	"time"

	"github.com/carillonhq/carillon/bench/rig"
)

// node is one engine node. Faults of one node never overlap: one goroutine at a
// time deals with it.
type node struct {
	*rig.Node
	link   *link      // to the broker; nil where it is never cut
	struck sync.Mutex // held by a fault until it is over
}

// deadline is the channel's: how long an attempt may take.
const deadline = 3 * time.Second

//go:embed node.yaml
var nodeYAML string

var nodeTemplate = template.Must(template.New("node.yaml").Parse(nodeYAML))

// nodeConfig is what node.yaml takes.
type nodeConfig struct {
	Name, Broker, Prefix, Group, Data, HTTP, Ledger string
	Session, Drain, Deadline                        time.Duration
	Partitions, Rate                                int
	Seed                                            uint64
	Hold, Standby                                   bool
	Flow                                            *flow // nil: only the plain load's
}

// newNode writes a node's configuration below dir. It starts nothing.
func newNode(dir, name string, command []string, c nodeConfig) (*node, error) {
	n, err := rig.NewNode(dir, name, command)
	if err != nil {
		return nil, err
	}
	c.Name, c.Data, c.HTTP, c.Ledger, c.Deadline = name, n.Data, n.HTTP, n.Ledger, deadline
	var text bytes.Buffer
	if err := nodeTemplate.Execute(&text, c); err != nil {
		return nil, fmt.Errorf("write the configuration of %s: %w", name, err)
	}
	return &node{Node: n}, n.Write(text.Bytes())
}

// ledgers are the files that its providers keep, by channel. Those of a flow are
// not there without one.
func (n *node) ledgers() map[string]string {
	all := map[string]string{mainChannel: n.Ledger}
	for _, channel := range sideChannels() {
		all[channel] = n.Ledger + "." + channel
	}
	return all
}

// gauges are sums of a node's metrics.
type gauges struct {
	open, unacknowledged, waiting int
}

// scrape reads the gauges of a node.
func (n *node) scrape(ctx context.Context) (gauges, error) {
	m, err := n.Metrics(ctx)
	if err != nil {
		return gauges{}, err
	}
	return gauges{
		open:           int(m.Sum("carillon_lane_open_attempts")),
		unacknowledged: int(m.Sum("carillon_unacknowledged_outcomes")),
		waiting:        int(m.Sum("carillon_lane_depth")),
	}, nil
}
