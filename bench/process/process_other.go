//go:build !linux

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Nothing here can be signalled with these; see SignalGroup.
const (
	SIGSTOP = syscall.Signal(-1)
	SIGCONT = syscall.Signal(-1)
)

// Measurable says whether the CPU and memory of other processes can be read.
const Measurable = false

// Used is what a process uses: zeros here.
type Used struct {
	CPU            time.Duration
	Resident, Peak int64
}

// endWithParent does nothing where there is no death signal: a child outlives a
// parent that was killed before it could stop it.
func endWithParent(*exec.Cmd) {}

// Usage returns zeros: see Measurable.
func Usage(int) (Used, error) { return Used{}, nil }

// Children is not supported here.
func Children(int) ([]int, error) { return nil, errors.ErrUnsupported }

// SignalGroup is not supported here.
func SignalGroup(int, syscall.Signal) error { return errors.ErrUnsupported }

// Killed is never known here.
func Killed(*os.ProcessState) bool { return false }
