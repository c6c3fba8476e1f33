//go:build !linux

package chaos

import (
	"errors"
	"runtime"
)

// checkSystem says whether faults can be made here.
func checkSystem() error {
	return errors.New("faults are made with signals and /proc, so this needs Linux, not " + runtime.GOOS)
}
