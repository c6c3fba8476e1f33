// Package configs holds the configurations that Carillon ships, as far as its
// own programs run with them.
package configs

import _ "embed" // for the files

// Bench is bench.yaml, what an engine is measured with.
//
//go:embed bench.yaml
var Bench []byte
