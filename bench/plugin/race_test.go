//go:build race

package plugin_test

// raced: the memory of a process is the race detector's as well, which keeps
// growing for long.
const raced = true
