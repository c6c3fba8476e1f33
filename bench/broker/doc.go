// Package broker starts a Kafka broker as a process of its own, so that tests
// and benches can kill it, restart it on the same data, and charge its CPU to
// nobody else.
//
// There are two. StartKafka runs Apache Kafka, which is what production runs
// on and the only one whose durability means anything. StartEmbedded runs
// kfake, franz-go's fake of Kafka: one broker, no replication, ready in
// milliseconds, and no Java. docs/decisions/001-embedded-broker.md says what
// the fake may be used for.
//
// A broker ends with the process that started it, on Linux even if that is
// killed. Both listen on loopback alone and are open to whoever reaches them.
package broker
