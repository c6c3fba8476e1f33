//go:build !linux

package process

import (
	"fmt"
	"os/exec"
	"strings"
)

// processes reads the table that ps prints, as POSIX has it.
func processes() (map[int]entry, error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "stat=").Output()
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	all := map[int]entry{}
	for line := range strings.Lines(string(out)) {
		var pid, parent int
		var state string
		if n, _ := fmt.Sscan(line, &pid, &parent, &state); n == 3 {
			all[pid] = entry{parent: parent, ended: strings.HasPrefix(state, "Z")}
		}
	}
	return all, nil
}
