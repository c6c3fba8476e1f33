package sdktest

import (
	"strings"
	"testing"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/conform"
)

// byToken checks that the results answer the batch, each attempt once, and
// that each is well-formed.
func byToken(t testing.TB, batch []*sdk.Attempt, results []*channelv1.Result) map[uint64]sdk.Verdict {
	t.Helper()
	verdicts, err := conform.Results(batch, results)
	if err != nil {
		t.Error(err)
	}
	return verdicts
}

// allSent wants every verdict accepted or delivered.
func allSent(t testing.TB, verdicts map[uint64]sdk.Verdict) {
	t.Helper()
	for token, v := range verdicts {
		word, _, _ := strings.Cut(v.String(), " ")
		if word != "accepted" && word != "delivered" {
			t.Errorf("token %d is %q, want it accepted or delivered", token, v)
		}
	}
}
