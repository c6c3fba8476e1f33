// Package bench measures the whole engine, from Kafka to Kafka, beside the
// plainest program that moves the same records: a kafka-go Reader and Writer.
//
// The engine, its plugin, the yardstick and the broker are processes of their
// own, so that each pays for its own CPU and memory; the process that measures
// does next to nothing meanwhile. docs/benchmarks.md says how to run it and how
// to read what it shows.
package bench
