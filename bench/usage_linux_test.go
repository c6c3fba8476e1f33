package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// measurable says whether the CPU and memory of other processes can be read.
const measurable = true

// tick is the unit of the CPU times in /proc: USER_HZ, which is 100 on all
// platforms that Go runs on (time(7)).
const tick = time.Second / 100

// stat returns the fields of /proc/PID/stat from the third on (proc_pid_stat(5)).
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, fmt.Errorf("reading what a process has used: %w", err)
	}
	// The second is the command in parentheses, and may hold any character.
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])), nil
}

// cpuOf returns the CPU time that a process has used, in user and kernel mode.
func cpuOf(pid int) (time.Duration, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	user, err := strconv.ParseInt(fields[14-3], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[15-3], 10, 64)
	return time.Duration(user+system) * tick, err
}

// peakOf returns the most memory that a process has had resident, in bytes.
func peakOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmHWM: is it gone?", pid)
}

// childOf returns the only child of a process.
func childOf(pid int) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	var found []int
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue // no process
		}
		if fields, err := stat(child); err == nil && fields[4-3] == strconv.Itoa(pid) {
			found = append(found, child)
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("process %d has the children %v, want one", pid, found)
	}
	return found[0], nil
}
