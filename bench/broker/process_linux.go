package broker

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel kill the child when this process dies, however
// that happens: a test that is killed must not leave a broker behind
// (prctl(2), PR_SET_PDEATHSIG).
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
