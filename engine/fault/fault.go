// Package fault breaks the engine on purpose, at places that have a name: a
// point kills the process there, a mutant puts a mistake in. Only a build with
// the tag `faults` has either. In any other, Point is empty and Mutant is
// false, the compiler leaves both out, and not even the names are in the
// binary.
//
// Two variables of the environment choose, once for the life of a process:
//
//	CARILLON_FAULT=before-ack:3   SIGKILL at the third pass of the point
//	CARILLON_MUTANT=no-lease      one mutant, for good
//
// A faults build does not start with a name that it does not know.
package fault

import (
	"fmt"
	"strings"
)

// The environment that a faults build looks at.
const (
	PointEnv  = "CARILLON_FAULT"
	MutantEnv = "CARILLON_MUTANT"
)

// Named is a point or a mutant.
type Named struct {
	Name, About string
}

// Table is a line for each, for people.
func Table(list []Named) string {
	var b strings.Builder
	for _, n := range list {
		fmt.Fprintf(&b, "  %-24s %s\n", n.Name, n.About)
	}
	return b.String()
}
