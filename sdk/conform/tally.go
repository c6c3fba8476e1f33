package conform

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
)

// tally holds the results of a stream against its attempts.
type tally struct {
	open     map[uint64]*channelv1.Attempt
	verdicts map[uint64]sdk.Verdict
	results  int
	problems []error
	limits   []string // that a throttle may name; nil: any
}

// Results holds results against the attempts of their batch, as a Kit does: each
// must have one, and each must be well-formed. It returns the verdicts by token.
func Results(batch []*channelv1.Attempt, results []*channelv1.Result) (map[uint64]sdk.Verdict, error) {
	t := newTally(nil)
	t.expect(batch)
	t.take(results)
	if len(t.open) > 0 {
		t.problem("answer every attempt", "%s did not come", t.missing())
	}
	return t.verdicts, t.wrong()
}

// engineLimits are those that the engine knows by itself (docs/plugins.md).
var engineLimits = []string{"", "account", "app", "campaign", "recipient", "domain", "calling_code"}

func newTally(about *channelv1.DescribeResponse) tally {
	t := tally{open: map[uint64]*channelv1.Attempt{}, verdicts: map[uint64]sdk.Verdict{}}
	if about != nil {
		t.limits = slices.Concat(engineLimits, about.Limits)
	}
	return t
}

func (t *tally) expect(batch []*channelv1.Attempt) {
	for _, a := range batch {
		t.open[a.Token] = a
	}
}

// take counts results. Whatever is wrong is kept for wrong.
func (t *tally) take(results []*channelv1.Result) {
	for _, r := range results {
		t.results++
		a, ok := t.open[r.Token]
		if _, again := t.verdicts[r.Token]; !ok && again {
			t.problem("give each attempt one result: the first counts, and its credit must come back once", "the attempt with token %d is answered twice", r.Token)
			continue
		}
		if !ok {
			t.problem("give back the token of the attempt, as it came", "a result has the token %d, which was never given", r.Token)
			continue
		}
		delete(t.open, r.Token)
		t.verdicts[r.Token] = sdk.VerdictOf(r)
		t.wellFormed(a, r)
	}
}

func (t *tally) problem(do, got string, args ...any) {
	if len(t.problems) < 5 {
		t.problems = append(t.problems, found(do, got, args...))
	}
}

// wrong returns what is wrong with all that came so far, once.
func (t *tally) wrong() error {
	err := errors.Join(t.problems...)
	t.problems = nil
	return err
}

func (t *tally) missing() string {
	for token := range t.open {
		if len(t.open) == 1 {
			return fmt.Sprintf("the result of the attempt with token %d", token)
		}
		return fmt.Sprintf("the results of %d attempts (of token %d, for one)", len(t.open), token)
	}
	return "no result"
}

// printable is what a result's code and provider id consist of.
var printable = regexp.MustCompile(`^[\x20-\x7e]*$`)

// addressy is the least length of an address that is looked for: a shorter one
// is part of many a code.
const addressy = 6

func (t *tally) wellFormed(a *channelv1.Attempt, r *channelv1.Result) {
	rejected := r.Verdict == channelv1.Verdict_VERDICT_REJECTED
	address := a.Address.GetValue()
	_, verdict := channelv1.Verdict_name[int32(r.Verdict)]
	_, class := channelv1.Class_name[int32(r.Class)]
	for _, x := range []struct {
		ok   bool
		rule string
	}{
		{verdict && class, "its verdict or class is none of the protocol's"},
		{len(r.Code) <= 64 && printable.MatchString(r.Code), "its code is more than 64 bytes of printable ASCII"},
		{len(address) < addressy || !strings.Contains(r.Code, address), "its code shows the address"},
		{printable.MatchString(r.ProviderMessageId), "its provider id is not printable ASCII"},
		{!rejected || r.Class != channelv1.Class_CLASS_UNSPECIFIED, "it is a rejection without a class"},
		{rejected || r.Class == channelv1.Class_CLASS_UNSPECIFIED, "it has a class and is no rejection"},
		{r.RetryAfterMs >= 0, "it has a negative time to wait"},
		{t.limits == nil || slices.Contains(t.limits, r.Limit), "it names a limit that the description does not"},
	} {
		if !x.ok {
			t.problem("see the verdicts in docs/plugins.md", "the result %q: %s", cut(sdk.VerdictOf(r).String()), x.rule)
		}
	}
}

// allSent wants every verdict so far accepted or delivered.
func (t *tally) allSent() error {
	for token, v := range t.verdicts {
		if !sent(v) {
			return found("a good attempt must be accepted or delivered: see the provider and the settings",
				"the attempt with token %d is %q", token, v)
		}
	}
	return nil
}

func sent(v sdk.Verdict) bool {
	word, _, _ := strings.Cut(v.String(), " ")
	return word == "accepted" || word == "delivered"
}

// cut shortens what a plugin said.
func cut(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
