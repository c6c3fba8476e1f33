package shard

import (
	"slices"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/retry"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Which end of a channel each result is, after what came before: by that a send
// goes on to its next channel, or not.
func TestEndsOfChannels(t *testing.T) {
	p := Policy{Retry: retry.Policy{MaxAttempts: 2, Base: time.Second, Max: time.Second}, HoldFor: time.Hour}
	holds := p
	holds.Hold = true
	verdict := func(v channelv1.Verdict, c channelv1.Class) *lane.Result {
		return &lane.Result{Verdict: &channelv1.Result{Verdict: v, Class: c}}
	}
	const rejected, failed, throttled = channelv1.Verdict_VERDICT_REJECTED, channelv1.Verdict_VERDICT_FAILED, channelv1.Verdict_VERDICT_THROTTLED
	for _, c := range []struct {
		name   string
		result *lane.Result
		policy Policy
		before history
		want   string // "" is none: sent, or the channel has not ended
	}{
		{"sent", verdict(channelv1.Verdict_VERDICT_ACCEPTED, 0), p, history{1, 0, 0, false}, ""},
		{"a test", &lane.Result{Outcome: lane.Tested}, p, history{0, 0, 0, false}, ""},
		{"nobody there", verdict(rejected, channelv1.Class_CLASS_RECIPIENT), p, history{1, 0, 0, false}, "recipient"},
		{"not allowed", verdict(rejected, channelv1.Class_CLASS_POLICY), p, history{1, 0, 0, false}, "policy"},
		{"a bad message", verdict(rejected, channelv1.Class_CLASS_MESSAGE), p, history{1, 0, 0, false}, "message"},
		{"no class counts as the message's", verdict(rejected, 0), p, history{1, 0, 0, false}, "message"},
		{"a bad key is somebody's to mend", verdict(rejected, channelv1.Class_CLASS_CREDENTIAL), p, history{1, 1, 0, false}, ""},
		{"until no attempt is left", verdict(rejected, channelv1.Class_CLASS_CREDENTIAL), p, history{2, 2, 0, false}, "attempts"},
		{"a failure is tried again", verdict(failed, 0), p, history{1, 1, 0, false}, ""},
		{"the last failure", verdict(failed, 0), p, history{2, 2, 0, false}, "attempts"},
		{"throttled is no failure", verdict(throttled, 0), p, history{9, 0, 0, false}, ""},
		{"a lost answer is asked for again", &lane.Result{Outcome: lane.Lost}, p, history{1, 0, 1, false}, ""},
		{"the last lost answer", &lane.Result{Outcome: lane.Lost}, p, history{2, 0, 2, false}, "unknown"},
		{"a lost answer that is held", &lane.Result{Outcome: lane.Lost}, holds, history{1, 0, 1, false}, "unknown"},
		{"rejected after a lost answer", verdict(rejected, channelv1.Class_CLASS_RECIPIENT), p, history{2, 0, 1, false}, "unknown"},
		{"failed after a lost answer", verdict(failed, 0), p, history{2, 1, 1, false}, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := decide(c.result, c.policy, false, c.before, 0)
			got := ""
			if n.do == end || n.do == hold {
				got = endOf(n.state, n.reason.GetClass())
			}
			if got != c.want {
				t.Errorf("the end is %q, want %q (%+v)", got, c.want, n)
			}
		})
	}
}

// A send's own word goes before the configuration's, and one channel is never
// followed.
func TestGoesOn(t *testing.T) {
	s := &Shard{cfg: Config{FallbackOn: []string{"attempts", "recipient"}}}
	for _, c := range []struct {
		name     string
		channels int
		on       []string
		want     []string
	}{
		{"as configured", 2, nil, []string{"attempts", "recipient"}},
		{"as it says", 2, []string{"message", "unknown"}, []string{"message", "unknown"}},
		{"never", 2, []string{"never"}, nil},
		{"one channel", 1, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			it := &item{}
			it.Send = &carillonv1.Send{Channels: make([]string, c.channels)}
			if c.on != nil {
				it.Send.Fallback = &carillonv1.Fallback{On: c.on}
			}
			for _, end := range []string{"attempts", "recipient", "policy", "message", "unknown", ""} {
				if got := s.goesOn(it, end); got != slices.Contains(c.want, end) {
					t.Errorf("%q: %t", end, got)
				}
			}
		})
	}
}
