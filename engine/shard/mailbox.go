package shard

import (
	"sync"
	"time"

	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// mailbox is how other goroutines reach a shard without ever waiting for it.
// It is bounded by what the shard has given out: each attempt has one result,
// each write one acknowledgement.
type mailbox struct {
	wake chan struct{} // capacity 1

	mu    sync.Mutex
	waits post
}

// post is what waits in a mailbox.
type post struct {
	results []lane.Result
	acks    []ack
	asks    []chan<- Position
	granted *[2]intake.Reservation // the last
	decided []*controlv1.Doubt
	calls   []func(now time.Time)
	halts   *Halts // that stand
	paused  bool
}

// ack is Kafka's answer to one write of a flight.
type ack struct {
	flight *flight
	part   part
	to     kafka.Partition
	base   int64
	err    error
}

func (m *mailbox) results(r []lane.Result) {
	m.mu.Lock()
	m.waits.results = append(m.waits.results, r...)
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) ack(a ack) {
	m.mu.Lock()
	m.waits.acks = append(m.waits.acks, a)
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) ask(answer chan<- Position) {
	m.mu.Lock()
	m.waits.asks = append(m.waits.asks, answer)
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) grant(inputs [2]intake.Reservation) {
	m.mu.Lock()
	m.waits.granted = &inputs
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) decide(d *controlv1.Doubt) {
	m.mu.Lock()
	m.waits.decided = append(m.waits.decided, d)
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) halt(h *Halts) {
	m.mu.Lock()
	m.waits.halts = h
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) call(f func(now time.Time)) {
	m.mu.Lock()
	m.waits.calls = append(m.waits.calls, f)
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) pause(on bool) {
	m.mu.Lock()
	m.waits.paused = on
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() post {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.waits
	m.waits = post{paused: p.paused, halts: p.halts}
	return p
}
