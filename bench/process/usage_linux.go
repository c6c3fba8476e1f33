package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Measurable says whether the CPU and memory of other processes can be read.
const Measurable = true

// tick is the unit of the CPU times in /proc: USER_HZ, which is 100 on all
// platforms that Go runs on (time(7)).
const tick = time.Second / 100

// Used is what a process uses.
type Used struct {
	// CPU is the time since its start, in user and kernel mode, in steps of 10 ms.
	CPU time.Duration
	// Resident is its memory now, and Peak the most it ever had, in bytes.
	Resident, Peak int64
}

// Usage reads what a process uses (proc_pid_stat(5), proc_pid_status(5)).
func Usage(pid int) (Used, error) {
	var u Used
	fields, err := stat(pid)
	if err != nil {
		return u, err
	}
	user, err := strconv.ParseInt(fields[14-3], 10, 64)
	if err != nil {
		return u, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	system, err := strconv.ParseInt(fields[15-3], 10, 64)
	if err != nil {
		return u, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	u.CPU = time.Duration(user+system) * tick
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(text)) {
		for name, into := range map[string]*int64{"VmRSS:": &u.Resident, "VmHWM:": &u.Peak} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				if err != nil {
					return u, fmt.Errorf("read the memory of process %d: %w", pid, err)
				}
				*into = kib << 10
			}
		}
	}
	if u.Peak == 0 {
		return u, fmt.Errorf("process %d has no memory: it has ended", pid)
	}
	return u, nil
}

// stat returns the fields of /proc/PID/stat from the third on.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, fmt.Errorf("read what process %d has used: %w", pid, err)
	}
	// The second is the command in parentheses, and may hold any character.
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])), nil
}

// Children returns the ids of a process' children: for a node, its plugins,
// each of which leads a process group of its own.
func Children(parent int) (found []int, err error) {
	all, err := processes()
	for pid, e := range all {
		if e.parent == parent {
			found = append(found, pid)
		}
	}
	slices.Sort(found)
	return found, err
}

func processes() (map[int]entry, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	all := make(map[int]entry, len(dirs))
	for _, dir := range dirs {
		id, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue // no process
		}
		fields, err := stat(id)
		if err != nil || len(fields) < 2 {
			continue // it has ended meanwhile
		}
		parent, err := strconv.Atoi(fields[4-3])
		if err == nil {
			all[id] = entry{parent: parent, ended: fields[0] == "Z" || fields[0] == "X"}
		}
	}
	return all, nil
}
