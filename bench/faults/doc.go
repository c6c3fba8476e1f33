// Package faults uses what engine/fault has: it shows that every mutant is
// noticed by some test of the engine, that a node which dies at a named point
// loses and doubles nothing, and that a normal build has neither.
//
// All of it are tests with the tag integration, since they build the engine
// anew. `make mutants` runs them and prints the table of the mutants.
//
//	build_…    the binaries, each built once
//	killers_…  which test is there to notice which mutant
//	mutants_…  every one is noticed
//	points_…   a short run over the points, and the normal build
package faults
