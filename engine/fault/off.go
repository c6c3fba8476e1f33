//go:build !faults

package fault

// Enabled says whether this build can be broken.
const Enabled = false

// Point is nothing in this build.
func Point(string) {}

// Mutant is false in this build.
func Mutant(string) bool { return false }
