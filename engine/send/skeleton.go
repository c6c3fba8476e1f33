package send

import (
	"time"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

var errSkeleton = &Invalid{Code: CodeUnknownFormat, Detail: "reading sends is being written"}

// Decode reads a send.
func Decode(rec Record, lim Limits) (*carillonv1.Send, Notes, error) {
	return nil, Notes{}, errSkeleton
}

// Validate checks a send against the contract.
func Validate(s *carillonv1.Send, now time.Time) error { return errSkeleton }

// CheckAddress checks the syntax of an address.
func CheckAddress(kind, value string) error { return nil }

// Address picks the recipient's address of a kind.
func Address(to *carillonv1.Recipient, kind string) (*channelv1.Address, bool) { return nil, false }

// AppendSendJSON appends a send as JSON.
func AppendSendJSON(dst []byte, s *carillonv1.Send) []byte { return dst }

// AppendStatusJSON appends a status event as JSON.
func AppendStatusJSON(dst []byte, s *carillonv1.Status) []byte { return dst }

// ParseStatus reads a status event.
func ParseStatus(value []byte, headers []Header) (*carillonv1.Status, error) {
	return nil, errSkeleton
}

// Trace fills the trace context from headers.
func Trace(s *carillonv1.Send, headers []Header) {}

// SendSchema returns the JSON Schema of a send.
func SendSchema() []byte { return nil }

// StatusSchema returns the JSON Schema of a status event.
func StatusSchema() []byte { return nil }
