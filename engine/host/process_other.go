//go:build !unix

package host

import (
	"os"
	"os/exec"
	"syscall"
)

func onMainThread() bool    { return false } // no thread is restricted here
func restrictThread() error { return nil }

func groupAttributes() *syscall.SysProcAttr { return nil }

func awaitExit(cmd *exec.Cmd) { _ = cmd.Wait() }

// killGroup ends the process alone: there are no process groups here.
func killGroup(pid int) {
	if child, err := os.FindProcess(pid); err == nil {
		_ = child.Kill()
	}
}

// terminateGroup does nothing: there is no signal to ask with.
func terminateGroup(int) {}
