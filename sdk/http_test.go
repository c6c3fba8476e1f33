package sdk_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// httpAnswers are what the SDKs of all languages must make of HTTP answers.
type httpAnswers struct {
	Now        time.Time
	RetryAfter []struct {
		Value   string
		Seconds float64
	} `json:"retry_after"`
	Verdict []struct {
		Status  int
		After   float64
		Verdict string
	}
}

func readHTTPAnswers(t *testing.T) (a httpAnswers) {
	t.Helper()
	data, err := os.ReadFile("testdata/http.json")
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil || len(a.RetryAfter) == 0 || len(a.Verdict) == 0 {
		t.Fatalf("testdata/http.json: %v, %d and %d cases", err, len(a.RetryAfter), len(a.Verdict))
	}
	return a
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func TestRetryAfter(t *testing.T) {
	answers := readHTTPAnswers(t)
	for _, x := range answers.RetryAfter {
		if got := sdk.RetryAfter(x.Value, answers.Now); got != seconds(x.Seconds) {
			t.Errorf("RetryAfter(%q) = %v, want %v", x.Value, got, seconds(x.Seconds))
		}
	}
}

func TestHTTPVerdict(t *testing.T) {
	for _, x := range readHTTPAnswers(t).Verdict {
		if got := sdk.HTTPVerdict(x.Status, seconds(x.After)).String(); got != x.Verdict {
			t.Errorf("status %d, after %v: %q, want %q", x.Status, seconds(x.After), got, x.Verdict)
		}
	}
}
