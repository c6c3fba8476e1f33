package engine_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// network joins processes to brokers: in memory, with latency, and with faults.
// Without latency nothing would ever be under way when a fault strikes.
type network struct {
	kfake.VirtualNetwork

	mu   sync.Mutex
	down map[string]bool // addresses that refuse
	all  []*link
}

func newNetwork() *network { return &network{down: map[string]bool{}} }

// link makes a process's way into the network.
func (n *network) link(rng *rand.Rand) *link {
	l := &link{net: n, rng: rng, wires: map[*wire]struct{}{}, flow: make(chan struct{})}
	close(l.flow)
	n.mu.Lock()
	n.all = append(n.all, l)
	n.mu.Unlock()
	return l
}

// setDown lets an address refuse, and ends the connections to it; or ends that.
func (n *network) setDown(address string, down bool) {
	n.mu.Lock()
	n.down[address] = down
	links := n.all
	n.mu.Unlock()
	for _, l := range links {
		if down {
			l.end(func(w *wire) bool { return w.address == address })
		}
	}
}

// close ends all connections. A client that is closed leaves those open that
// are in use.
func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.all {
		l.kill()
	}
}

func (n *network) refuses(address string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.down[address]
}

// link is one process's way into the network. It may be used from any goroutine.
type link struct {
	net *network

	mu    sync.Mutex
	rng   *rand.Rand
	wires map[*wire]struct{}
	dead  bool
	flow  chan struct{} // closed while packets get through
}

var errUnreachable = errors.New("unreachable")

// Dial connects to a broker.
func (l *link) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !l.flows(ctx.Done()) || l.net.refuses(address) {
		return nil, errUnreachable
	}
	far, err := l.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	near, inner := net.Pipe()
	w := &wire{link: l, address: address, inner: inner, far: far, done: make(chan struct{})}
	l.mu.Lock()
	dead := l.dead
	l.wires[w] = struct{}{}
	l.mu.Unlock()
	if dead {
		w.end()
		return nil, errUnreachable
	}
	go w.carry(inner, far)
	go w.carry(far, inner)
	return near, nil
}

// hold drops nothing and lets nothing through until release: a partition of the
// network. What was sent meanwhile arrives then.
func (l *link) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flow = make(chan struct{})
}

func (l *link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.flow:
	default:
		close(l.flow)
	}
}

// kill ends the process's connections, and it gets no others.
func (l *link) kill() {
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
	l.release()
	l.end(func(*wire) bool { return true })
}

// end resets connections: what is on its way is lost, in both directions.
func (l *link) end(which func(*wire) bool) {
	l.mu.Lock()
	var hit []*wire
	for w := range l.wires {
		if which(w) {
			hit = append(hit, w)
		}
	}
	l.mu.Unlock()
	for _, w := range hit {
		w.end()
	}
}

// flows waits until packets get through; false if they never will, or once
// given is closed.
func (l *link) flows(given <-chan struct{}) bool {
	for {
		l.mu.Lock()
		dead, flow := l.dead, l.flow
		l.mu.Unlock()
		if dead {
			return false
		}
		select {
		case <-flow:
		case <-given:
			return false
		}
		l.mu.Lock()
		same := flow == l.flow
		l.mu.Unlock()
		if same {
			return true
		}
	}
}

// latency of one packet on its way between a node and a broker.
func (l *link) latency() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Millisecond/2 + time.Duration(l.rng.ExpFloat64()*float64(time.Millisecond))
}

// wire is one connection.
type wire struct {
	link       *link
	address    string
	inner, far net.Conn
	once       sync.Once
	done       chan struct{}
}

func (w *wire) end() {
	w.once.Do(func() {
		close(w.done)
		_, _ = w.inner.Close(), w.far.Close()
		w.link.mu.Lock()
		delete(w.link.wires, w)
		w.link.mu.Unlock()
	})
}

type packet struct {
	bytes []byte
	at    time.Time
}

// carry moves what one side writes to the other. A side that closes in good
// order has what it wrote before arrive.
func (w *wire) carry(from, to net.Conn) {
	packets := make(chan packet, 64)
	go w.deliver(packets, to)
	defer close(packets)
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case packets <- packet{bytes.Clone(buf[:n]), time.Now().Add(w.link.latency())}:
		case <-w.done:
			return
		}
	}
}

func (w *wire) deliver(packets <-chan packet, to net.Conn) {
	defer w.end()
	for p := range packets {
		time.Sleep(time.Until(p.at))
		if !w.link.flows(w.done) {
			return
		}
		select {
		case <-w.done:
			return
		default:
		}
		if _, err := to.Write(p.bytes); err != nil {
			return
		}
	}
}
