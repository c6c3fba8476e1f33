package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Garbage may be as much as what lives, or the spare memory where that is more,
// within bounds.
func TestGarbagePercent(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		live, spare uint64
		want        int
	}{
		{0, 256 * mb, 400},           // before the first collection
		{10 * mb, 256 * mb, 400},     // no more than this
		{100 * mb, 256 * mb, 250},    // in steps
		{256 * mb, 256 * mb, 100},    // as usual
		{10_000 * mb, 256 * mb, 100}, // never more eager than usual
	} {
		if got := garbagePercent(c.live, c.spare); got != c.want {
			t.Errorf("%d MiB live, %d MiB to spare: %d %%, want %d", c.live/mb, c.spare/mb, got, c.want)
		}
	}
}

// What is outside of the heap is taken off its limit, in steps, and leaves it some.
func TestHeapLimit(t *testing.T) {
	for _, c := range []struct{ limit, outside, want int64 }{
		{1000, 0, 700},
		{1000, 95, 600},  // ten hundredths
		{1000, 900, 100}, // the least
	} {
		if got := heapLimit(c.limit, c.outside); got != c.want {
			t.Errorf("%d of %d are outside: %d, want %d", c.outside, c.limit, got, c.want)
		}
	}
}

// The least bound of the groups that a process is in counts.
func TestBoundedMemory(t *testing.T) {
	const service = "system.slice/carillon.service"
	for name, c := range map[string]struct {
		groups string // /proc/self/cgroup
		files  map[string]string
		limit  int64
		ok     bool
	}{
		"a container, version 2":  {"0::/\n", map[string]string{"memory.max": "536870912\n"}, 512 << 20, true},
		"unbounded, version 2":    {"0::/\n", map[string]string{"memory.max": "max\n"}, 0, false},
		"a service":               {"0::/" + service + "\n", map[string]string{service + "/memory.max": "536870912\n"}, 512 << 20, true},
		"its slice has less":      {"0::/" + service + "\n", map[string]string{service + "/memory.max": "536870912\n", "system.slice/memory.max": "268435456"}, 256 << 20, true},
		"its slice has more":      {"0::/" + service + "\n", map[string]string{service + "/memory.max": "max\n", "system.slice/memory.max": "1073741824"}, 1 << 30, true},
		"another service's":       {"0::/" + service + "\n", map[string]string{"system.slice/other.service/memory.max": "1\n"}, 0, false},
		"a container, version 1":  {"4:memory:/\n1:name=systemd:/\n", map[string]string{"memory/memory.limit_in_bytes": "536870912\n"}, 512 << 20, true},
		"a service, version 1":    {"9:cpu,memory:/" + service + "\n", map[string]string{"memory/" + service + "/memory.limit_in_bytes": "536870912\n"}, 512 << 20, true},
		"unbounded, version 1":    {"4:memory:/\n", map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0, false},
		"a mount of another kind": {"4:memory:/docker/12ab\n", map[string]string{"memory/memory.limit_in_bytes": "536870912\n"}, 512 << 20, true},
		"nothing is known":        {"", map[string]string{"memory.max": "536870912\n"}, 512 << 20, true},
		"no control groups":       {"0::/\n", nil, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			root, self := t.TempDir(), filepath.Join(t.TempDir(), "cgroup")
			write := func(file, text string) {
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			for file, text := range c.files {
				write(filepath.Join(root, file), text)
			}
			if c.groups != "" {
				write(self, c.groups)
			}
			if limit, ok := boundedMemory(root, self); ok != c.ok || ok && limit != c.limit {
				t.Errorf("%d, %t, want %d, %t", limit, ok, c.limit, c.ok)
			}
		})
	}
}
