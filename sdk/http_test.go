package sdk_test

import (
	"testing"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                               0,
		"30":                             30 * time.Second,
		" 5 ":                            5 * time.Second,
		"0":                              0,
		"-5":                             0, // not in the grammar
		"1.5":                            0, // nor is this
		"soon":                           0,
		"99999999":                       sdk.MaxRetryAfter,
		"99999999999999999999":           sdk.MaxRetryAfter, // no int64 holds it
		"Sun, 01 Mar 2026 12:01:30 GMT":  90 * time.Second,
		"Sunday, 01-Mar-26 12:00:10 GMT": 10 * time.Second,  // RFC 850, which receivers must take
		"Sun Mar  1 12:00:10 2026":       10 * time.Second,  // asctime, too
		"Sun, 01 Mar 2026 11:00:00 GMT":  0,                 // over
		"Mon, 01 Mar 2027 12:00:00 GMT":  sdk.MaxRetryAfter, // a year
	} {
		if got := sdk.RetryAfter(value, now); got != want {
			t.Errorf("RetryAfter(%q) = %v, want %v", value, got, want)
		}
	}
}

func TestHTTPVerdict(t *testing.T) {
	for _, x := range []struct {
		status int
		after  time.Duration
		want   string
	}{
		{200, 0, "accepted"},
		{204, 0, "accepted"},
		{302, 0, "rejected message redirect"},
		{400, 0, "rejected message 400"},
		{401, 0, "rejected credential 401"},
		{404, 0, "rejected recipient 404"},
		{408, 0, "throttled 408"},
		{410, 0, "rejected recipient 410"},
		{429, time.Minute, "throttled 1m0s 429"},
		{500, time.Minute, "failed 500"}, // Retry-After has no meaning with it
		{503, time.Minute, "throttled 1m0s 503"},
		{503, 0, "failed 503"},
		{101, 0, "unknown 101"},
		{999, 0, "unknown 999"},
	} {
		if got := sdk.HTTPVerdict(x.status, x.after).String(); got != x.want {
			t.Errorf("status %d, after %v: %q, want %q", x.status, x.after, got, x.want)
		}
	}
}
