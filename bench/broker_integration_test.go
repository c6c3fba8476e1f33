//go:build integration

package bench

const brokerKind = "kafka"
