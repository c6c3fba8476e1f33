package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// The signals that stop a process and let it go on.
const (
	SIGSTOP = syscall.SIGSTOP
	SIGCONT = syscall.SIGCONT
)

// endWithParent has the kernel kill the child when this process dies, however
// that happens (prctl(2), PR_SET_PDEATHSIG), and gives it a group of its own.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// SignalGroup signals a process group; one that has ended is no error.
func SignalGroup(leader int, s syscall.Signal) error {
	if err := syscall.Kill(-leader, s); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("send %v to process group %d: %w", s, leader, err)
	}
	return nil
}

// Killed says whether SIGKILL has ended a process.
func Killed(how *os.ProcessState) bool {
	status, ok := how.Sys().(syscall.WaitStatus)
	return ok && status.Signal() == syscall.SIGKILL
}
