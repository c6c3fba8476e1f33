package chaos

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

const (
	sigTerm = syscall.SIGTERM
	sigStop = syscall.SIGSTOP
	sigCont = syscall.SIGCONT
)

// endWithParent has the kernel kill the child when this process dies, however
// that happens (prctl(2), PR_SET_PDEATHSIG), and gives it a group of its own:
// Ctrl-C is for the harness alone.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// children returns the ids of a process' children: for a node, its plugins,
// each of which leads a group of its own (proc(5), /proc/pid/stat).
func children(parent int) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		// The name in brackets may hold anything: pid (name) state ppid …
		pid, rest, _ := bytes.Cut(text, []byte(" "))
		fields := bytes.Fields(rest[bytes.LastIndexByte(rest, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(parent) {
			continue
		}
		id, err := strconv.Atoi(string(pid))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		found = append(found, id)
	}
	return found, nil
}

// signalGroup signals a process group; one that has ended is no error.
func signalGroup(leader int, s syscall.Signal) error {
	if err := syscall.Kill(-leader, s); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("send %v to process group %d: %w", s, leader, err)
	}
	return nil
}

const sigKill = syscall.SIGKILL

// killed says whether SIGKILL has ended a process.
func killed(how *os.ProcessState) bool {
	status, ok := how.Sys().(syscall.WaitStatus)
	return ok && status.Signal() == sigKill
}

// checkSystem says whether faults can be made here.
func checkSystem() error { return nil }
