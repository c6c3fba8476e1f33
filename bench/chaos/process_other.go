//go:build !linux

package chaos

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Run refuses to start here, so none of these is used.
const (
	sigTerm = syscall.SIGTERM
	sigKill = syscall.SIGKILL
	sigStop = syscall.Signal(-1)
	sigCont = syscall.Signal(-1)
)

func endWithParent(*exec.Cmd) {}

func children(int) ([]int, error) { return nil, errors.ErrUnsupported }

func killed(*os.ProcessState) bool { return false }

func signalGroup(int, syscall.Signal) error { return errors.ErrUnsupported }

// checkSystem says whether faults can be made here.
func checkSystem() error {
	return errors.New("faults are made with signals and /proc, so this needs Linux, not " + runtime.GOOS)
}
