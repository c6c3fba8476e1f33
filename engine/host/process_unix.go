//go:build unix && !linux

package host

import (
	"os/exec"
	"syscall"
)

func onMainThread() bool    { return false } // no thread is restricted here
func restrictThread() error { return nil }

// groupAttributes has no death signal here: a plugin of the Go SDK watches its
// parent by itself.
func groupAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitExit reaps the process, so that its group is killed a moment later than
// its id is free. Linux does better.
func awaitExit(cmd *exec.Cmd) { _ = cmd.Wait() }

func killGroup(pid int)      { _ = syscall.Kill(-pid, syscall.SIGKILL) }
func terminateGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGTERM) }
