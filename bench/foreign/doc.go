// Package foreign publishes and reads records with clients that share no code
// with Carillon: kcat, which is librdkafka's, and Apache Kafka's own console
// tools. Tests compare what these see with what the engine did.
//
// kcat must be on the PATH; the console tools come from bench/broker, which
// needs Java. Nothing here is fit for production: whole topics go through
// memory.
package foreign
