package send

import (
	"strings"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Trace takes the trace context (W3C Trace Context, level 1) from the record's
// `traceparent` and `tracestate` headers where the send has none, or from
// `ce_traceparent` and `ce_tracestate` where those are missing too. A context
// that breaks the grammar is dropped, as the standard asks: it never makes a
// send invalid.
func Trace(s *carillonv1.Send, headers []Header) {
	if !isTraceparent(s.Traceparent) {
		s.Traceparent, s.Tracestate = "", ""
		for _, names := range [][2]string{{"traceparent", "tracestate"}, {"ce_traceparent", "ce_tracestate"}} {
			if parent, ok := header(headers, names[0]); ok && isTraceparent(parent) {
				s.Traceparent = parent
				s.Tracestate, _ = header(headers, names[1])
				break
			}
		}
	}
	if !isTracestate(s.Tracestate) {
		s.Tracestate = ""
	}
}

// isTraceparent checks section 3.2: version-traceid-parentid-flags in lower
// case hex, where neither id is zero and the version is not ff. Later versions
// may add to the end.
func isTraceparent(v string) bool {
	const size, zeros = 55, "00000000000000000000000000000000"
	if len(v) < size || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return false
	}
	if len(v) > size && (v[:2] == "00" || v[size] != '-' || len(v) > 256) {
		return false
	}
	version, trace, parent, flags := v[:2], v[3:35], v[36:52], v[53:size]
	return isLowerHex(version) && version != "ff" && isLowerHex(trace) && trace != zeros &&
		isLowerHex(parent) && parent != zeros[:16] && isLowerHex(flags) && isPrintable(v)
}

// isTracestate checks section 3.3 as far as a carrier must: its size and its
// characters.
func isTracestate(v string) bool {
	return len(v) <= 512 && isPrintable(v) && (v == "" || strings.Contains(v, "="))
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
