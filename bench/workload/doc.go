// Package workload says what a benchmark sends, and how the provider answers: a
// file, and records that follow from it and its seed alone. docs/benchmarks.md
// has the keys of the file.
//
//	workload.go  Workload, what it must be, and the sink's settings that follow
//	file.go      reading one: by its name, of those shipped here, or from a file
//	record.go    the records
//	text.go      what is written in them
//	*.yaml       those shipped here
package workload
