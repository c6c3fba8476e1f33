package webhooksim

import (
	"sync"
	"time"
)

// Request is one that a receiver with a limit had.
type Request struct {
	// ID is its webhook-id.
	ID, Path string
	At       time.Time
	// Taken: it was answered with 204, else with 429.
	Taken bool
}

// most lets so many requests of each path through within any second, by the times
// of those that it let through. It is safe for concurrent use.
type most struct {
	n int

	mu   sync.Mutex
	last map[string]*ring
}

// ring holds when the last n requests were taken.
type ring struct {
	at   []time.Time
	next int // the oldest
}

func (m *most) take(path string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.last[path]
	if r == nil {
		r = &ring{at: make([]time.Time, m.n)}
		m.last[path] = r
	}
	if now.Sub(r.at[r.next]) < time.Second {
		return false
	}
	r.at[r.next] = now
	r.next = (r.next + 1) % m.n
	return true
}
