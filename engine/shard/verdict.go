package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/lane"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// next is what follows an attempt.
type next struct {
	do     step
	state  carillonv1.State // of end, and of hold where nobody decides
	reason *carillonv1.Reason
	delay  time.Duration // of park and hold
	// pause is how long the provider wants the whole account to rest.
	pause time.Duration
}

type step uint8

const (
	end    step = iota // the outcome is known
	park               // try again after delay
	resend             // try again at once, under the same key
	hold               // an operator decides, for at most delay
)

// history is what came before: attempts that failed, and whose answer was
// lost, this one included; and whether the account is broken, so that an attempt
// that failed says nothing about its send, and is not counted.
type history struct {
	made, failed, unknown uint32
	broken                bool
}

// mostRest bounds what a plugin can make a lane wait: a mistake in units must
// not stop an account for years.
const mostRest = 24 * time.Hour

// decide is pure: what follows a result, by the channel's policy. jitter is in
// [0, 1).
func decide(r *lane.Result, p Policy, idempotent bool, h history, jitter float64) next {
	switch r.Outcome {
	case lane.Tested:
		return next{do: end, state: carillonv1.State_STATE_SENT, reason: why("test", codeTest)}
	case lane.Lost:
		if fault.Mutant(fault.LostIsFailed) {
			return tryAgain("provider", codeLostAnswer, p, h, jitter)
		}
		return lost(p, idempotent, h, codeLostAnswer, jitter)
	}
	v := r.Verdict
	code := cleanCode(v.Code)
	switch v.Verdict {
	case channelv1.Verdict_VERDICT_ACCEPTED, channelv1.Verdict_VERDICT_DELIVERED:
		return next{do: end, state: carillonv1.State_STATE_SENT}
	case channelv1.Verdict_VERDICT_REJECTED:
		return rejected(v.Class, code, p, h, jitter)
	case channelv1.Verdict_VERDICT_THROTTLED:
		after := time.Duration(min(v.RetryAfterMs, mostRest.Milliseconds())) * time.Millisecond
		n := next{do: park, reason: why("throttle", code), delay: p.Retry.Next(int(h.made), after, jitter)}
		if v.Limit == "" {
			n.pause = after
		}
		return n
	case channelv1.Verdict_VERDICT_FAILED:
		return tryAgain("provider", code, p, h, jitter)
	default:
		return lost(p, idempotent, h, code, jitter)
	}
}

// rejected ends the send, unless it is the account that can't send: that is
// mended by somebody, and until its breaker opens the send is tried as if it had
// failed.
func rejected(c channelv1.Class, code string, p Policy, h history, jitter float64) next {
	class := "message"
	switch c {
	case channelv1.Class_CLASS_CREDENTIAL:
		return tryAgain("credential", code, p, h, jitter)
	case channelv1.Class_CLASS_RECIPIENT:
		class = "recipient"
	case channelv1.Class_CLASS_POLICY:
		class = "policy"
	}
	return notSent(carillonv1.State_STATE_REJECTED, why(class, code), h)
}

func tryAgain(class, code string, p Policy, h history, jitter float64) next {
	counted := int(h.failed + h.unknown)
	if p.Retry.Exhausted(counted) && !h.broken {
		return notSent(carillonv1.State_STATE_FAILED, why("attempts", code), h)
	}
	return next{do: park, reason: why(class, code), delay: p.Retry.Next(max(1, counted), 0, jitter)}
}

// notSent ends a send whose last attempt surely sent nothing. If the answer to
// an earlier one was lost, nobody can say that nothing was sent.
func notSent(state carillonv1.State, reason *carillonv1.Reason, h history) next {
	if h.unknown > 0 {
		state = carillonv1.State_STATE_UNKNOWN
	}
	return next{do: end, state: state, reason: reason}
}

// lost follows a lost answer: the message may have been sent. The channel's
// policy decides whether it is sent again: at once, and after the second lost
// answer with the pauses of a retry.
func lost(p Policy, idempotent bool, h history, code string, jitter float64) next {
	reason := why("provider", code)
	switch {
	case !idempotent && p.Hold:
		return next{do: hold, state: carillonv1.State_STATE_UNKNOWN, reason: reason, delay: p.HoldFor}
	case p.Retry.Exhausted(int(h.failed + h.unknown)):
		return next{do: end, state: carillonv1.State_STATE_UNKNOWN, reason: reason}
	case h.unknown > 1:
		// Whatever swallows the answers, and may deliver each time, is not to be
		// asked without a pause.
		return next{do: park, reason: reason, delay: p.Retry.Next(int(h.failed+h.unknown), 0, jitter)}
	default:
		return next{do: resend, reason: reason}
	}
}

// cleanCode keeps a plugin's code to what a program can compare and a log can
// hold; a careless plugin may put a whole answer there, with an address in it.
func cleanCode(code string) string {
	const most = 64
	clean := []byte(code)
	if len(clean) > most {
		clean = clean[:most]
	}
	for i, c := range clean {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			clean[i] = '_'
		}
	}
	return string(clean)
}
