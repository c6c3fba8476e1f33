package chaos

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/carillonhq/carillon/bench/broker"
)

// node is one engine node. Faults of one node never overlap: one goroutine at a
// time deals with it.
type node struct {
	name    string
	command []string // that is carillon
	config  string
	data    string
	ledger  string // the provider's, of this node's attempts alone
	log     string
	http    string
	link    *link // to the broker; nil where it is never cut
	crashed func(node string, how *os.ProcessState)
	env     []string // beside this process' own, from the next start on

	struck sync.Mutex // held by a fault until it is over
	mu     sync.Mutex
	proc   *process // the last one started
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
}

// newNode writes a node's configuration below dir. It starts nothing.
func newNode(dir, name string, command []string, c nodeConfig) (*node, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the run's directory: %w", err)
	}
	dir = filepath.Join(dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil { // what an older run left would be counted
		return nil, fmt.Errorf("make the node's directory: %w; give each run a directory of its own", err)
	}
	ports, err := broker.FreePorts(1)
	if err != nil {
		return nil, fmt.Errorf("find a port for %s: %w", name, err)
	}
	n := &node{
		name: name, command: command, http: net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])),
		config: filepath.Join(dir, "carillon.yaml"), data: filepath.Join(dir, "data"),
		ledger: filepath.Join(dir, "provider.ledger"), log: filepath.Join(dir, "node.log"),
	}
	c.Name, c.Data, c.HTTP, c.Ledger, c.Deadline = name, n.data, n.http, n.ledger, deadline
	var text bytes.Buffer
	if err := nodeTemplate.Execute(&text, c); err != nil {
		return nil, fmt.Errorf("write the configuration of %s: %w", name, err)
	}
	if err := os.WriteFile(n.config, text.Bytes(), 0o644); err != nil {
		return nil, fmt.Errorf("write the configuration of %s: %w", name, err)
	}
	return n, nil
}

// start starts the node unless it runs.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil && n.proc.running() {
		return nil
	}
	args := slices.Concat(n.command[1:], []string{"run", "--config", n.config})
	cmd := exec.Command(n.command[0], args...)
	cmd.Env = append(os.Environ(), n.env...)
	p, err := launch(cmd, n.log, func(how *os.ProcessState) { n.crashed(n.name, how) })
	if err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	n.proc = p
	return nil
}

func (n *node) process() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

// plugins returns the leaders of the process groups of the node's plugins. One
// that has ended has none: its id may be another process' by now.
func (n *node) plugins() ([]int, error) {
	p := n.process()
	if !p.running() {
		return nil, nil
	}
	return children(p.cmd.Process.Pid)
}

// pages is for /readyz and /metrics: a frozen node does not answer.
var pages = &http.Client{Timeout: time.Second}

func (n *node) get(ctx context.Context, path string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.http+path, nil)
	if err != nil {
		return 0, nil, err
	}
	res, err := pages.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

func (n *node) ready(ctx context.Context) bool {
	status, _, err := n.get(ctx, "/readyz")
	return err == nil && status == http.StatusOK
}

// gauges are sums of a node's metrics.
type gauges struct {
	open, unacknowledged, waiting int
}

// scrape reads the gauges of a node.
func (n *node) scrape(ctx context.Context) (gauges, error) {
	_, text, err := n.get(ctx, "/metrics")
	if err != nil {
		return gauges{}, fmt.Errorf("read the metrics of %s: %w", n.name, err)
	}
	return gauges{
		open:           total(text, "carillon_lane_open_attempts"),
		unacknowledged: total(text, "carillon_unacknowledged_outcomes"),
		waiting:        total(text, "carillon_lane_depth"),
	}, nil
}

// total adds up the samples of a metric in Prometheus' text format, which has one
// sample per line: name{labels} value.
func total(text []byte, metric string) int {
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, metric)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		fields := strings.Fields(rest)
		if v, err := strconv.ParseFloat(fields[len(fields)-1], 64); err == nil {
			sum += v
		}
	}
	return int(sum)
}
