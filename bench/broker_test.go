//go:build !integration

package bench

// brokerKind is the embedded broker; with the build tag integration it is Apache
// Kafka, and everything here runs on that.
const brokerKind = "embedded"
