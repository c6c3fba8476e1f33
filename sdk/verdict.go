package sdk

import (
	"strings"
	"time"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Verdict says how an attempt went. Make one with Accepted, Delivered,
// Rejected, Throttled, Failed or Unknown; the zero value is an Unknown.
type Verdict struct {
	kind       channelv1.Verdict
	class      channelv1.Class
	providerID string
	code       string
	limit      string
	after      time.Duration
}

// Class says what a rejection is about.
type Class = channelv1.Class

// The classes of a rejection.
const (
	// Recipient: the address is dead. The engine suppresses it.
	Recipient = channelv1.Class_CLASS_RECIPIENT
	// Message: this message can't be sent to anybody.
	Message = channelv1.Class_CLASS_MESSAGE
	// Credential: the account can't send (key, quota, contract).
	Credential = channelv1.Class_CLASS_CREDENTIAL
	// Policy: this message may not be sent to this recipient now.
	Policy = channelv1.Class_CLASS_POLICY
)

// Accepted: the provider took the message over under its own id.
func Accepted(providerID string) Verdict {
	return Verdict{kind: channelv1.Verdict_VERDICT_ACCEPTED, providerID: providerID}
}

// Delivered: the message has reached the recipient.
func Delivered(providerID string) Verdict {
	return Verdict{kind: channelv1.Verdict_VERDICT_DELIVERED, providerID: providerID}
}

// Rejected: it can never be sent like this. code is the provider's, for
// programs: no address and no text of the message.
func Rejected(c Class, code string) Verdict {
	return Verdict{kind: channelv1.Verdict_VERDICT_REJECTED, class: c, code: code}
}

// Throttled: not sent, for it was too fast or too much. after is how long the
// provider wants to be left alone (0: it did not say). limit names which of
// Description.Limits it was; empty is the account.
func Throttled(after time.Duration, limit, code string) Verdict {
	return Verdict{kind: channelv1.Verdict_VERDICT_THROTTLED, after: after, limit: limit, code: code}
}

// Failed: surely not sent; another try may do.
func Failed(code string) Verdict {
	return Verdict{kind: channelv1.Verdict_VERDICT_FAILED, code: code}
}

// Unknown: it may have been sent. Everything that went wrong after the
// provider could have seen the whole message is Unknown: a timeout, a reset, a
// body that can't be read.
func Unknown(code string) Verdict {
	return Verdict{kind: channelv1.Verdict_VERDICT_UNKNOWN, code: code}
}

// String shows the verdict in logs and tests: "rejected recipient 5.1.1".
func (v Verdict) String() string {
	s := word(v.kind.String(), "VERDICT_")
	if v.kind == channelv1.Verdict_VERDICT_UNSPECIFIED {
		s = "unknown"
	}
	if v.class != channelv1.Class_CLASS_UNSPECIFIED {
		s += " " + word(v.class.String(), "CLASS_")
	}
	if v.after > 0 {
		s += " " + v.after.String()
	}
	if v.limit != "" {
		s += " limit=" + v.limit
	}
	if v.code != "" {
		s += " " + v.code
	}
	return s
}

// word turns VERDICT_ACCEPTED into accepted; a number that this build doesn't
// know stays a number.
func word(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }

// ProviderID returns the provider's id of an accepted message.
func (v Verdict) ProviderID() string { return v.providerID }

// VerdictOf reads a verdict back from its protocol form, for tests that talk to
// a channel over gRPC.
func VerdictOf(r *channelv1.Result) Verdict {
	return Verdict{
		kind: r.Verdict, class: r.Class, providerID: r.ProviderMessageId, code: r.Code,
		limit: r.Limit, after: time.Duration(r.RetryAfterMs) * time.Millisecond,
	}
}

// result writes the verdict into the protocol's form of it.
func (v Verdict) result(r *channelv1.Result) *channelv1.Result {
	r.Verdict, r.Class, r.Code, r.Limit = v.kind, v.class, v.code, v.limit
	r.ProviderMessageId, r.RetryAfterMs = v.providerID, v.after.Milliseconds()
	return r
}
