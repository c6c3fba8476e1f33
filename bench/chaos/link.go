package chaos

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/carillonhq/carillon/bench/broker"
)

// link is one node's way to the brokers, through a proxy for each of them, and
// can be cut: what is open falls silent, without an end and without an error,
// and what is new is refused. A broker tells clients its own address; the link
// puts its own there, or the node would go past it.
type link struct {
	mu      sync.Mutex
	whole   chan struct{}     // closed while it is
	proxies map[string]*proxy // by the broker's address
	conns   map[net.Conn]bool
	closed  bool
}

// proxy listens for one broker.
type proxy struct {
	addr     string
	listener net.Listener // nil while the link is cut
}

func newLink() *link {
	l := &link{whole: make(chan struct{}), proxies: map[string]*proxy{}, conns: map[net.Conn]bool{}}
	close(l.whole)
	return l
}

// to returns the address that stands for a broker's.
func (l *link) to(addr string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.proxies[addr]; p != nil {
		return p.addr, nil
	}
	ports, err := broker.FreePorts(1)
	if err != nil {
		return "", err
	}
	p := &proxy{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))}
	l.proxies[addr] = p
	if !l.passes() {
		return p.addr, nil // heal opens it
	}
	return p.addr, l.listen(p, addr)
}

// passes says whether the link is whole. The caller holds the lock.
func (l *link) passes() bool {
	select {
	case <-l.whole:
		return true
	default:
		return false
	}
}

func (p *proxy) close() {
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
}

// listen opens a proxy. The caller holds the lock.
func (l *link) listen(p *proxy, addr string) error {
	listener, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("open the link to the broker at %s: %w", addr, err)
	}
	p.listener = listener
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(conn, addr)
		}
	}()
	return nil
}

// cut severs the link.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.whole = make(chan struct{})
	for _, p := range l.proxies {
		p.close()
	}
}

// heal lets everything through that was held, as a network does that lost no
// more than time.
func (l *link) heal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.passes() {
		return nil
	}
	close(l.whole)
	var faults []error
	for addr, p := range l.proxies {
		faults = append(faults, l.listen(p, addr))
	}
	return errors.Join(faults...)
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, p := range l.proxies {
		p.close()
	}
	for c := range l.conns {
		c.Close()
	}
	if !l.passes() {
		close(l.whole)
	}
}

// keep has conns closed with the link; false where that has been already.
func (l *link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = true
	}
	return !l.closed
}

func (l *link) drop(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(l.conns, c)
	}
}

// carry passes on what a connection of the node and one to the broker say to
// each other, until either ends.
func (l *link) carry(near net.Conn, addr string) {
	far, err := net.Dial("tcp", addr)
	if err != nil {
		near.Close()
		return
	}
	defer l.drop(near, far)
	if !l.keep(near, far) {
		return
	}
	talk := newTalk(l.to)
	var both sync.WaitGroup
	both.Go(func() { l.pump(far, near, talk.request) })
	both.Go(func() { l.pump(near, far, talk.response) })
	both.Wait()
}

// pump passes frames on. What it has begun to pass when the link is cut it may
// finish; an end waits for the link as well, so that nobody hears of it.
func (l *link) pump(to, from net.Conn, pass func(frame []byte) []byte) {
	defer l.drop(to, from)
	in := bufio.NewReader(from)
	for {
		frame, err := readFrame(in)
		l.mu.Lock()
		whole := l.whole
		l.mu.Unlock()
		<-whole
		if err != nil {
			return
		}
		if _, err := to.Write(pass(frame)); err != nil {
			return
		}
	}
}

// readFrame returns a message of Kafka's protocol with the size before it.
func readFrame(in io.Reader) ([]byte, error) {
	size := make([]byte, 4)
	if _, err := io.ReadFull(in, size); err != nil {
		return nil, err
	}
	const most = 128 << 20
	n := binary.BigEndian.Uint32(size)
	if n > most {
		return nil, fmt.Errorf("a message of %d bytes is none of Kafka's", n)
	}
	frame := slices.Grow(size, int(n))[:4+n]
	_, err := io.ReadFull(in, frame[4:])
	return frame, err
}
