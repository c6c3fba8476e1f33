// Package send reads what a producer published into a carillon.v1.Send, says
// precisely what is wrong with what is no send, names sends by hash, and
// writes and reads status events. It is pure: no network, no clock, no state
// but caches.
package send

import (
	"github.com/carillonhq/carillon/engine/kafka"
)

// Header and Record are Kafka's; a record's offset and time are not read here.
type (
	Header = kafka.Header
	Record = kafka.Record
)

// Format is how a send was written.
type Format uint8

const (
	// JSON: content type application/json, or none.
	JSON Format = iota
	// Protobuf: content type application/x-protobuf, application/protobuf or
	// application/vnd.carillon.send+protobuf.
	Protobuf
	// CloudEventsStructured: the whole event is the value, as JSON.
	CloudEventsStructured
	// CloudEventsBinaryJSON: the attributes are `ce_` headers, the value is the
	// send as JSON.
	CloudEventsBinaryJSON
	// CloudEventsBinaryProtobuf: the same, with the send as protobuf.
	CloudEventsBinaryProtobuf
)

// String names the format for metrics: "json", "cloudevents_binary_json".
func (f Format) String() string {
	names := [...]string{"json", "protobuf", "cloudevents_structured", "cloudevents_binary_json", "cloudevents_binary_protobuf"}
	if int(f) < len(names) {
		return names[f]
	}
	return "unknown"
}

// Limits bounds what Decode reads. A limit of 0 stands for the default.
type Limits struct {
	// Bytes bounds the record's value. Default: 1 MiB.
	Bytes int
	// Depth bounds how deep objects and arrays nest; the send is the first
	// level. Default: 32.
	Depth int
	// Fields bounds the members of all objects of a record together.
	// Default: 1024.
	Fields int
}

// DefaultLimits returns the limits that the contract promises.
func DefaultLimits() Limits { return Limits{Bytes: 1 << 20, Depth: 32, Fields: 1024} }

// Notes is what Decode noticed besides the send.
type Notes struct {
	Format Format
	// NearMisses names unknown fields that are probably a known one misspelt,
	// by their path as the producer wrote it: "expiresat", "to.emial".
	NearMisses []string
}

// Source is the place of a record in Kafka.
type Source struct {
	Topic     string
	Partition int32
	Offset    int64
}
