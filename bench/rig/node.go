package rig

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/bench/process"
)

// Node is one engine node: `carillon run --config FILE` as a process of its own,
// with everything that is its alone in one directory. Its methods may be called
// from several goroutines; its fields are set before Start.
type Node struct {
	Name    string
	Command []string // carillon: a program, and what goes before "run"
	Env     []string // beside this process' own, from the next start on
	// Ended is called if the node ends without having been asked to; nil for
	// nobody.
	Ended func(name string, how *os.ProcessState)

	// Config, Data, Ledger and Log are files below Dir; HTTP is where the node
	// listens. The configuration has to say so.
	Dir, Config, Data, Ledger, Log, HTTP string

	mu   sync.Mutex
	proc *process.Process // the last one started
}

// NewNode makes the directory of a node below dir, and finds it a port. It
// starts nothing.
func NewNode(dir, name string, command []string) (*Node, error) {
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
	return &Node{
		Name: name, Command: command, HTTP: net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])), Dir: dir,
		Config: filepath.Join(dir, "carillon.yaml"), Data: filepath.Join(dir, "data"),
		Ledger: filepath.Join(dir, "provider.ledger"), Log: filepath.Join(dir, "node.log"),
	}, nil
}

// Write writes the node's configuration.
func (n *Node) Write(text []byte) error {
	if err := os.WriteFile(n.Config, text, 0o644); err != nil {
		return fmt.Errorf("write the configuration of %s: %w", n.Name, err)
	}
	return nil
}

// Start starts the node unless it runs. It does not wait until it is ready.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil && n.proc.Running() {
		return nil
	}
	cmd := exec.Command(n.Command[0], slices.Concat(n.Command[1:], []string{"run", "--config", n.Config})...)
	cmd.Env = append(os.Environ(), n.Env...)
	p, err := process.Launch(cmd, n.Log, func(how *os.ProcessState) {
		if n.Ended != nil {
			n.Ended(n.Name, how)
		}
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	n.proc = p
	return nil
}

// Process returns the process that was started last, nil before the first.
func (n *Node) Process() *process.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

// Plugins returns the leaders of the process groups of the node's plugins. One
// that has ended has none: its id may be another process' by now.
func (n *Node) Plugins() ([]int, error) {
	p := n.Process()
	if !p.Running() {
		return nil, nil
	}
	return process.Children(p.PID())
}

// readyWithin bounds a node's start, on a busy machine too.
const readyWithin = 90 * time.Second

// AwaitReady returns when the node says that it is ready, or why it won't be.
func (n *Node) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	p := n.Process()
	for !n.Ready(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready within %v: %w; its log is %s", n.Name, readyWithin, context.Cause(ctx), n.Log)
		case <-p.Done():
			return fmt.Errorf("%s ended (%v); its log is %s", n.Name, p.State(), n.Log)
		case <-poll.C:
		}
	}
	return nil
}

// Ready says whether the node answers that it is.
func (n *Node) Ready(ctx context.Context) bool {
	status, _, err := n.Get(ctx, "/readyz")
	return err == nil && status == http.StatusOK
}

// lastWords returns the end of the node's log.
func (n *Node) lastWords() string {
	const most = 1000
	text, err := os.ReadFile(n.Log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// Stop ends the node in good order, and by force after grace. An error says
// that it did not end by itself with exit code 0.
func (n *Node) Stop(grace time.Duration) error {
	p := n.Process()
	if p == nil || !p.Running() {
		return nil
	}
	if clean, err := p.Stop(grace); err != nil || !clean {
		return fmt.Errorf("%s did not stop in good order (%v); its log, %s, ends with: %s", n.Name, p.State(), n.Log, n.lastWords())
	}
	return nil
}

// pages is short of time: a frozen node does not answer.
var pages = &http.Client{Timeout: time.Second}

// Get gets a page of the node's HTTP port.
func (n *Node) Get(ctx context.Context, path string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.HTTP+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	res, err := pages.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}
