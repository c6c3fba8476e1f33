package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"slices"
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
	benchGarbage  = 128 << 20 // of what measures, and of the embedded broker, which are in the nodes' way
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
// the memory of its container or service: the rest is its plugins'. outside is what it uses that
// the collector does not know of. It returns when ctx ends. An operator's
// GOMEMLIMIT wins.
func boundMemory(ctx context.Context, outside func() int64) {
	limit, ok := boundedMemory("/sys/fs/cgroup", "/proc/self/cgroup")
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

// heapLimit is in steps of a hundredth of that memory, and leaves the
// heap a tenth of that at least: with less there would be nothing but collection.
func heapLimit(limit, outside int64) int64 {
	percent := limit / 100
	return max(10, 70-(outside+percent-1)/percent) * percent
}

// boundedMemory returns how much memory this process and its plugins may have, in
// bytes: the least bound of its control group and of those that hold it, of
// version 2 or 1 (control-groups.7, systemd.resource-control(5) MemoryMax). A
// container sees its own as the root, a service of systemd is some way below it.
// ok is false where there is no bound.
func boundedMemory(root, self string) (limit int64, ok bool) {
	groups, err := os.ReadFile(self)
	if err != nil {
		groups = []byte("0::/\n1:memory:/\n")
	}
	for line := range strings.Lines(string(groups)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		kinds, group, _ := strings.Cut(rest, ":")
		hierarchy, file := "", "memory.max"
		if id != "0" {
			hierarchy, file = "memory", "memory.limit_in_bytes"
			if !slices.Contains(strings.Split(kinds, ","), "memory") {
				continue
			}
		}
		for at := path.Join("/", group); ; at = path.Dir(at) {
			if n := groupMemory(filepath.Join(root, hierarchy, at, file)); n > 0 && (n < limit || !ok) {
				limit, ok = n, true
			}
			if at == "/" {
				break
			}
		}
	}
	return limit, ok
}

// groupMemory returns what a file of a control group says, 0 where that is no
// bound: there is none, or it is "max", or what version 1 has for it.
func groupMemory(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= 1<<60 {
		return 0
	}
	return n
}
