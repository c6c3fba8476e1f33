// Package bench has Go benchmarks of the engine that no command of `carillon
// bench` has: what the fence costs, and how long a restore takes. What they are
// made of, and what those commands run, is in the folders.
//
// The engine, its plugin and the broker are processes of their own, so that each
// pays for its own CPU and memory; the process that measures does next to
// nothing meanwhile.
package bench
