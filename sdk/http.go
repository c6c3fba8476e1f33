package sdk

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter bounds what RetryAfter returns: beyond a day a provider's wish
// is more likely a broken clock.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter reads the Retry-After header (RFC 9110 section 10.2.3), which is
// whole seconds or a date. It returns 0 for an empty value, one that is
// neither, or a date that is over at now; and at most MaxRetryAfter.
func RetryAfter(value string, now time.Time) time.Duration {
	if value == "" { // the rule, and ParseTime would try three layouts
		return 0
	}
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 32)
		if err != nil { // digits alone, so it is too large
			return MaxRetryAfter
		}
		return min(time.Duration(seconds)*time.Second, MaxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter)
}

// HTTPVerdict judges the status of an HTTP answer (RFC 9110 section 15, RFC
// 6585) where the API says nothing more exact in its body. after is what
// RetryAfter returned. The verdict's code is the status.
//
// 2xx is accepted, without a provider id. 408, 425 and 429 are throttled, and
// so are 502, 503 and 504 that say when to come back; other 5xx have failed.
// 401, 403 and 407 are about the credential, 404 and 410 about the recipient,
// other 4xx and every redirect about the message. Anything else is unknown.
func HTTPVerdict(status int, after time.Duration) Verdict {
	code := strconv.Itoa(status)
	switch {
	case status >= 200 && status < 300:
		return Accepted("")
	case status >= 300 && status < 400:
		return Rejected(Message, "redirect")
	case status == 408, status == 425, status == 429:
		return Throttled(after, "", code)
	case status == 401, status == 403, status == 407:
		return Rejected(Credential, code)
	case status == 404, status == 410:
		return Rejected(Recipient, code)
	case status >= 400 && status < 500:
		return Rejected(Message, code)
	case status >= 502 && status <= 504 && after > 0:
		return Throttled(after, "", code)
	case status >= 500 && status < 600:
		return Failed(code)
	default:
		return Unknown(code)
	}
}
