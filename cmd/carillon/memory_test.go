package main

import (
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

func TestContainerMemory(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		limit      int64
		ok         bool
	}{
		"version 2":            {"memory.max", "536870912\n", 512 << 20, true},
		"version 2, unbounded": {"memory.max", "max\n", 0, false},
		"version 1":            {"memory/memory.limit_in_bytes", "536870912\n", 512 << 20, true},
		"version 1, unbounded": {"memory/memory.limit_in_bytes", "9223372036854771712\n", 0, false},
		"none":                 {"other", "1\n", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, c.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if limit, ok := containerMemory(root); ok != c.ok || ok && limit != c.limit {
				t.Errorf("%d, %t, want %d, %t", limit, ok, c.limit, c.ok)
			}
		})
	}
}
