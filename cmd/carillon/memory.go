package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// Garbage collection costs what lives for each round, and a round comes when
// there is as much garbage as that. Where little lives that is often, for memory
// that nobody misses. A node of bench broadcast has 80 MiB that live: with as much
// garbage as here it stays within its 300 MiB, and with 128 MiB it is 20 MiB more
// for 3 % less CPU.
const (
	nodeGarbage   = 112 << 20 // of `carillon run`
	pluginGarbage = 32 << 20  // of a bundled channel
	mostPercent   = 400       // of what lives
)

// mindGarbage lets garbage grow to what lives or to spare, whichever is more,
// until ctx ends. An operator's GOGC wins.
func mindGarbage(ctx context.Context, spare uint64) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(200 * time.Millisecond) // a node that starts outgrows its first measure within a second
	defer tick.Stop()
	for at := 0; ; {
		metrics.Read(live)
		if percent := garbagePercent(live[0].Value.Uint64(), spare); percent != at {
			at = percent
			debug.SetGCPercent(percent)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// garbagePercent is in steps of 25: a new one stops the process for a moment.
func garbagePercent(live, spare uint64) int {
	const step = 25
	percent := int(min(mostPercent, 100*spare/max(live, 1)))
	return max(100, percent-percent%step)
}

// boundMemory makes collection more eager as the process nears seven tenths of
// its container's memory: the rest is its plugins'. outside is what it uses that
// the collector does not know of. It returns when ctx ends. An operator's
// GOMEMLIMIT wins.
func boundMemory(ctx context.Context, outside func() int64) {
	limit, ok := containerMemory("/sys/fs/cgroup")
	if !ok || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for at := int64(0); ; {
		if heap := heapLimit(limit, outside()); heap != at {
			at = heap
			debug.SetMemoryLimit(heap)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// heapLimit is in steps of a hundredth of the container's memory, and leaves the
// heap a tenth of that at least: with less there would be nothing but collection.
func heapLimit(limit, outside int64) int64 {
	percent := limit / 100
	return max(10, 70-(outside+percent-1)/percent) * percent
}

// containerMemory returns what the control group at root may have, in bytes: of
// version 2, or of version 1. ok is false where there is no bound.
func containerMemory(root string) (limit int64, ok bool) {
	for _, name := range []string{"/memory.max", "/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(root + name)
		if err != nil {
			continue
		}
		limit, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		return limit, err == nil && limit < 1<<60 // "max", and what version 1 has for it
	}
	return 0, false
}
