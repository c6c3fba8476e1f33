// Package carillonv1 is the public contract: Send and Status, generated from the
// .proto files, and their JSON Schemas.
package carillonv1

import _ "embed"

// The JSON Schemas (draft 2020-12) of the contract, generated from the .proto
// files and from the rules of package engine/send, by
//
//	go test ./engine/send -run TestSchemas -update

// SendSchema is the JSON Schema of a Send.
//
//go:embed send.schema.json
var SendSchema []byte

// StatusSchema is the JSON Schema of a Status.
//
//go:embed status.schema.json
var StatusSchema []byte
