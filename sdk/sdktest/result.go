package sdktest

import (
	"regexp"
	"strings"
	"testing"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
)

// printable is what a result's code and provider id consist of.
var printable = regexp.MustCompile(`^[\x20-\x7e]*$`)

// byToken checks that the results answer the batch, each attempt once, and
// that each is well-formed.
func byToken(t testing.TB, batch []*sdk.Attempt, results []*channelv1.Result) map[uint64]sdk.Verdict {
	t.Helper()
	open := map[uint64]*sdk.Attempt{}
	for _, a := range batch {
		open[a.Token] = a
	}
	verdicts := map[uint64]sdk.Verdict{}
	for _, r := range results {
		a, ok := open[r.Token]
		if !ok {
			t.Errorf("token %d is answered twice, or was never asked", r.Token)
			continue
		}
		delete(open, r.Token)
		wellFormed(t, a, r)
		verdicts[r.Token] = sdk.VerdictOf(r)
	}
	for token := range open {
		t.Errorf("token %d got no answer", token)
	}
	return verdicts
}

func wellFormed(t testing.TB, a *sdk.Attempt, r *channelv1.Result) {
	t.Helper()
	v := sdk.VerdictOf(r)
	rejected := r.Verdict == channelv1.Verdict_VERDICT_REJECTED
	address := a.Address.GetValue()
	for _, x := range []struct {
		ok   bool
		rule string
	}{
		{len(r.Code) <= 64 && printable.MatchString(r.Code), "code is more than 64 bytes of printable ASCII"},
		{address == "" || !strings.Contains(r.Code, address), "code shows the address"},
		{printable.MatchString(r.ProviderMessageId), "provider id is not printable ASCII"},
		{!rejected || r.Class != channelv1.Class_CLASS_UNSPECIFIED, "a rejection without a class"},
		{rejected || r.Class == channelv1.Class_CLASS_UNSPECIFIED, "a class without a rejection"},
		{r.RetryAfterMs >= 0, "a negative time to wait"},
	} {
		if !x.ok {
			t.Errorf("result %q: %s", v, x.rule)
		}
	}
}

// allSent wants every verdict accepted or delivered.
func allSent(t testing.TB, verdicts map[uint64]sdk.Verdict) {
	t.Helper()
	for token, v := range verdicts {
		if !sent(v) {
			t.Errorf("token %d is %q, want it accepted or delivered", token, v)
		}
	}
}

func sent(v sdk.Verdict) bool {
	word, _, _ := strings.Cut(v.String(), " ")
	return word == "accepted" || word == "delivered"
}
