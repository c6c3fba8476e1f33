package intake

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/carillonhq/carillon/engine/kafka"
)

// node is a process that is a member of the group.
type node struct {
	*council
	name    string
	cfg     GroupConfig
	formats []int
	log     *journal
	slow    time.Duration // by how much it needs longer than others to give its shards up

	mu    sync.Mutex
	wires map[*wire]struct{}
	dead  bool // it has no network any more

	generations []Membership // those that it was given
	causes      []error      // why they ended
	leave       func()       // returns when the node has left
}

// node makes a node that has not joined yet.
func (c *council) node(name string) *node {
	n := &node{council: c, name: name, cfg: c.cfg, formats: []int{oldestFormat, Format}, log: &journal{}, wires: map[*wire]struct{}{}}
	n.cfg.Client = kafka.NewClient(kafka.Config{Brokers: c.addrs, ClientID: name, Dial: n.connect})
	c.t.Cleanup(n.cfg.Client.Close)
	n.cfg.Owned = func() []int32 {
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.generations) == 0 {
			return nil
		}
		return n.generations[len(n.generations)-1].Shards
	}
	return n
}

func (n *node) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		err := runGroup(ctx, n.cfg, zerolog.New(n.log), n.formats, n.own)
		if err != nil {
			n.t.Error(err)
		}
	})
	n.leave = sync.OnceFunc(func() { cancel(); running.Wait() })
	n.t.Cleanup(n.leave)
}

func (n *node) own(ctx context.Context, m Membership) {
	n.mu.Lock()
	n.generations = append(n.generations, m)
	n.mu.Unlock()
	drain := n.begins(n.name, m)
	<-ctx.Done()
	n.mu.Lock()
	n.causes = append(n.causes, context.Cause(ctx))
	n.mu.Unlock()
	time.Sleep(drain + n.slow) // its shards are its own meanwhile
	n.gone(n.name)
}

// ended counts a node's generations that are over.
func (n *node) ended() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.causes)
}

// connect dials as the node.
func (n *node) connect(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := n.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead {
		conn.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.ErrClosed}
	}
	w := &wire{Conn: conn}
	n.wires[w] = struct{}{}
	return w, nil
}

// wire is a connection to a broker on which answers can get lost.
type wire struct {
	net.Conn
	key  atomic.Int32 // of the request that waits for its answer, or answered
	deaf atomic.Bool
}

const answered = -1

func (w *wire) Write(b []byte) (int, error) {
	const atKey = 4 // behind the size
	if len(b) >= atKey+2 {
		w.key.Store(int32(binary.BigEndian.Uint16(b[atKey:])))
	}
	return w.Conn.Write(b)
}

func (w *wire) Read(b []byte) (n int, err error) {
	for n, err = w.Conn.Read(b); err == nil && w.deaf.Load(); {
		n, err = w.Conn.Read(b)
	}
	if n > 0 {
		w.key.Store(answered)
	}
	return n, err
}

// deafen loses all answers on the connections that a kind of request waits on.
func (n *node) deafen(key kmsg.Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for w := range n.wires {
		if w.key.Load() == int32(key) {
			w.deaf.Store(true)
		}
	}
}

// reset breaks the node's connections: answers on their way are lost.
func (n *node) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.wires {
		conn.Close()
	}
	clear(n.wires)
}

// cutOff takes the network away from a node.
func (n *node) cutOff() {
	n.mu.Lock()
	n.dead = true
	n.mu.Unlock()
	n.reset()
}

// kill makes a node what the others see of a process that was killed.
func (n *node) kill() {
	n.cutOff()
	n.gone(n.name)
}

// remember gives the node a file for its id.
func (n *node) remember(dir string) *node {
	n.cfg.Remember = filepath.Join(dir, "member")
	return n
}

// journal is a log to look into.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
