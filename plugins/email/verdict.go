package email

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// limitDomain is the limit of a throttle that is about the recipient's domain
// and not about the relay.
const limitDomain = "domain"

// greylistWait is how long a greylisting server usually wants a sender to stay
// away (RFC 6647 section 4.1).
const greylistWait = 5 * time.Minute

// step is where in the dialogue a reply came.
type step int

const (
	stepGreeting step = iota
	stepHello
	stepTLS
	stepAuth
	stepReset
	stepMail
	stepRcpt
	stepData
	stepDot
)

// opening tells whether the step is about the account alone: no message has
// been named yet.
func (s step) opening() bool { return s < stepReset }

// verdictFor says what a refusing reply means: the enhanced status code (RFC
// 3463) decides, and where there is none the basic code (RFC 5321 section
// 4.2). Text decides nowhere but for one known answer of Exchange Online.
// attempt counts from 1.
func verdictFor(at step, r reply, attempt uint32) sdk.Verdict {
	switch {
	case r.code/100 == 4:
		return transient(at, r)
	case r.code/100 != 5: // 2xx or 3xx where it has no place
		return sdk.Failed("bad_reply")
	case at == stepTLS:
		return sdk.Failed("tls")
	case at >= stepRcpt && noRoute(r) && attempt < 2:
		return sdk.Failed(r.status()) // such faults of the DNS often pass
	default:
		return sdk.Rejected(classOf(at, r), r.status())
	}
}

func transient(at step, r reply) sdk.Verdict {
	code := r.status()
	switch {
	case r.code == 421: // the relay closes the session: it is busy as a whole
		return sdk.Throttled(0, "", code)
	case at == stepTLS || at == stepAuth || r.code == 454: // a fault of the login service
		return sdk.Failed(code)
	case r.enhanced == "4.7.1" && (at == stepRcpt || at == stepDot) && (r.code == 450 || r.code == 451):
		return sdk.Throttled(greylistWait, limitDomain, code)
	case strings.HasPrefix(r.enhanced, "4.7.") && at >= stepRcpt:
		return sdk.Throttled(0, limitDomain, code)
	case strings.HasPrefix(r.enhanced, "4.7."), r.enhanced == "4.5.3":
		return sdk.Throttled(0, "", code)
	default:
		return sdk.Failed(code)
	}
}

func noRoute(r reply) bool {
	return r.enhanced == "5.4.4" || r.enhanced == "5.4.6" || r.enhanced == "5.4.14" || r.enhanced == "5.4.1" && !unknownAtExchange(r)
}

// unknownAtExchange: Exchange Online says 5.4.1 for a recipient that does not
// exist, elsewhere it is a fault of the network.
func unknownAtExchange(r reply) bool {
	return r.enhanced == "5.4.1" && strings.Contains(r.text, "Recipient address rejected: Access denied")
}

var (
	deadAddress = []string{"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.7.13"}
	// badSender holds wrong senders (5.1.x) and faults of authentication, SPF,
	// DKIM, DMARC and TLS.
	badSender = []string{"5.1.7", "5.1.8", "5.7.8", "5.7.9", "5.7.515"}
	// thisMessage: too large, or SMTPUTF8 and conversion, wherever it is said.
	thisMessage = []string{"5.2.3", "5.3.4"}
)

// classOf says what a refusal for good is about. Only a refusal of the
// recipient, or of the whole message that names the recipient by an enhanced
// code, may end in a suppressed address.
func classOf(at step, r reply) sdk.Class {
	e := r.enhanced
	switch {
	case at.opening(), r.code == 530, r.code == 534, r.code == 535, r.code == 538:
		return sdk.Credential
	case slices.Contains(thisMessage, e), prefixed(e, "5.5.", "5.6."):
		return sdk.Message
	case slices.Contains(badSender, e), between(e, "5.7.", 20, 30):
		return sdk.Credential
	case at == stepMail:
		return classOfSender(r)
	case slices.Contains(deadAddress, e), unknownAtExchange(r):
		return sdk.Recipient
	case e == "":
		return classOfBasic(at, r.code)
	case prefixed(e, "5.2.", "5.3."): // a full mailbox, a system that takes no mail
		return sdk.Policy
	case prefixed(e, "5.7.") && at == stepRcpt: // a blocklist, relaying denied
		return sdk.Policy
	default:
		return sdk.Message
	}
}

// classOfSender is about MAIL FROM: whatever it says of an address, it is
// ours.
func classOfSender(r reply) sdk.Class {
	if r.enhanced == "" && (r.code < 510 || r.code == 552 || r.code == 555) {
		return sdk.Message
	}
	return sdk.Credential
}

func classOfBasic(at step, code int) sdk.Class {
	if at != stepRcpt {
		return sdk.Message
	}
	switch code {
	case 550, 551, 553, 556:
		return sdk.Recipient
	case 552: // over its storage
		return sdk.Policy
	default:
		return sdk.Message
	}
}

func prefixed(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

func between(enhanced, prefix string, low, high int) bool {
	detail, ok := strings.CutPrefix(enhanced, prefix)
	n, err := strconv.Atoi(detail)
	return ok && err == nil && n >= low && n <= high
}
