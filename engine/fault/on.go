//go:build faults

package fault

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// Enabled says whether this build can be broken.
const Enabled = true

// chosen is what the environment asks for. It is read before main begins, so
// that no program and no test can forget to ask.
var chosen = mustChoose(os.Getenv(PointEnv), os.Getenv(MutantEnv))

// choice is a point and in how many passes it strikes, and a mutant.
type choice struct {
	point  string
	left   atomic.Int64
	mutant string
}

// Point ends this process by force at the pass that was asked for, and does
// nothing at any other. It may be called from any goroutine.
func Point(name string) {
	if chosen.strikes(name) {
		die()
	}
}

// Mutant says whether this mistake is to be made. It may be called from any
// goroutine.
func Mutant(name string) bool { return chosen.mutant == name && name != "" }

func (c *choice) strikes(name string) bool {
	return c.point == name && name != "" && c.left.Add(-1) == 0
}

// die does not return: what follows the point must not happen, however long the
// system takes.
func die() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}

func mustChoose(point, mutant string) *choice {
	c, err := choose(point, mutant)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return c
}

// choose reads NAME or NAME:N, N from 1 on, and the name of a mutant. Either
// may be empty.
func choose(point, mutant string) (*choice, error) {
	c := &choice{mutant: mutant}
	name, pass, counted := strings.Cut(point, ":")
	c.point = name
	n, err := int64(1), error(nil)
	if counted {
		n, err = strconv.ParseInt(pass, 10, 64)
	}
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%s=%s: give the pass as a number from 1 on, as in %s:3", PointEnv, point, name)
	}
	c.left.Store(n)
	if err := known(PointEnv, name, Points()); err != nil {
		return nil, err
	}
	return c, known(MutantEnv, mutant, Mutants())
}

func known(env, name string, list []Named) error {
	if name == "" || slices.ContainsFunc(list, func(n Named) bool { return n.Name == name }) {
		return nil
	}
	return fmt.Errorf("%s=%s: there is no such name; there are:\n%s", env, name, Table(list))
}
