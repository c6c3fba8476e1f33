package send

import (
	"slices"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// SendSchema returns the JSON Schema (draft 2020-12) of a send. It is a little
// stricter than Decode, which takes null for an absent field and snake_case
// names as well, and a little laxer: it counts characters where Decode counts
// bytes, and knows neither time zones nor whether expiresAt is after sendAt.
func SendSchema() []byte { return slices.Clone(carillonv1.SendSchema) }

// StatusSchema returns the JSON Schema (draft 2020-12) of a status event.
func StatusSchema() []byte { return slices.Clone(carillonv1.StatusSchema) }
