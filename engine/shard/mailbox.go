package shard

import (
	"sync"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/lane"
)

// mailbox is how other goroutines reach a shard without ever waiting for it.
// It is bounded by what the shard has given out: each attempt has one result,
// each write one acknowledgement.
type mailbox struct {
	wake chan struct{} // capacity 1

	mu   sync.Mutex
	res  []lane.Result
	acks []ack
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
	m.res = append(m.res, r...)
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) ack(a ack) {
	m.mu.Lock()
	m.acks = append(m.acks, a)
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() ([]lane.Result, []ack) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, a := m.res, m.acks
	m.res, m.acks = nil, nil
	return r, a
}
