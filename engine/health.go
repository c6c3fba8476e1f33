package engine

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// health is what keeps the node from being ready, by name. It is safe for
// concurrent use.
type health struct {
	mu     sync.Mutex
	faults map[string]string
}

func newHealth() *health {
	return &health{faults: map[string]string{"kafka": "connecting", "shards": "waiting for the consumer group"}}
}

// set notes a fault, or that it is gone.
func (h *health) set(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		delete(h.faults, name)
	} else {
		h.faults[name] = err.Error()
	}
}

// forget drops every fault whose name begins with prefix.
func (h *health) forget(prefix string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.faults, func(name, _ string) bool { return strings.HasPrefix(name, prefix) })
}

// count returns how many faults there are whose name begins with prefix.
func (h *health) count(prefix string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for name := range h.faults {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// report lists the faults, each as "name: text".
func (h *health) report() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	lines := []string{}
	for _, name := range slices.Sorted(maps.Keys(h.faults)) {
		_, thing, _ := strings.Cut(name, " ")
		text := strings.TrimPrefix(h.faults[name], thing+": ") // most say what they are about
		lines = append(lines, name+": "+text)
	}
	return lines
}
