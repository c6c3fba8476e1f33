package main

import (
	"strings"
	"testing"
	"time"

	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Each place and each reason to wait has its sentence.
func TestWhy(t *testing.T) {
	lane := func(change func(*controlv1.LaneState)) *controlv1.LaneState {
		l := &controlv1.LaneState{Channel: "sms", Account: "main", PluginUp: true, Urgent: 1200, Rate: 80, RateNow: 20, Share: .25, Credits: 5}
		change(l)
		return l
	}
	until := time.Date(2026, 3, 1, 12, 30, 0, 0, time.Local)
	as := func(*controlv1.LaneState) {}
	for _, c := range []struct {
		name string
		x    *controlv1.Explanation
		lane *controlv1.LaneState
		want string
	}{
		{"nobody knows it", &controlv1.Explanation{Place: controlv1.Place_PLACE_NOT_KNOWN}, nil, "not known: no node knows it"},
		{"the limit", &controlv1.Explanation{Place: controlv1.Place_PLACE_IN_LANE}, lane(as), "waiting: it is in its lane: 1,200 wait there, and the limit lets 20/s go on this node"},
		{
			"the provider's pause", &controlv1.Explanation{Place: controlv1.Place_PLACE_IN_LANE},
			lane(func(l *controlv1.LaneState) { l.PausedUntilMs = until.UnixMilli() }),
			"waiting: it is in its lane: provider wants a pause until 12:30:00",
		},
		{
			"the breaker, and a plugin that is down", &controlv1.Explanation{Place: controlv1.Place_PLACE_IN_SHARD},
			lane(func(l *controlv1.LaneState) {
				l.Breaker, l.BreakerReason, l.BreakerUntilMs, l.PluginUp = "open", "credential", until.UnixMilli(), false
			}),
			"waiting: its lane takes no more of its shard's for now: plugin down; breaker open (credential), next probe at 12:30:00",
		},
		{
			"no limit, and a plugin that has enough", &controlv1.Explanation{Place: controlv1.Place_PLACE_IN_LANE},
			lane(func(l *controlv1.LaneState) { l.Rate, l.RateNow, l.Credits, l.Open = 0, 0, 0, 64 }),
			"waiting: it is in its lane: its plugin has 64 attempts and takes no more for now",
		},
		{
			"a limit beside the account's", &controlv1.Explanation{Place: controlv1.Place_PLACE_IN_LANE, ReasonClass: "throttle", ReasonCode: "limit_calling_code"},
			lane(as), "waiting: the limit by calling code keeps it",
		},
		{
			"such a limit, on disk", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonClass: "throttle", ReasonCode: "limit_app", UntilMs: 1},
			nil, "parked: the limit by app keeps it",
		},
		{
			"quiet hours of the channel before", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonClass: "policy", ReasonCode: "quiet_hours", UntilMs: 1},
			nil, "parked: a channel before this one has quiet hours, and this one is next",
		},
		{"the order", &controlv1.Explanation{Place: controlv1.Place_PLACE_BEHIND, Before: 3}, nil, "waiting: 3 other sends of its ordering key go first"},
		{
			"the order, as long as it may", &controlv1.Explanation{Place: controlv1.Place_PLACE_BEHIND, Before: 3, BehindId: "m0", UntilMs: 1, Then: "skip"},
			nil, "waiting: 3 other sends of its ordering key go first, now m0; past ordering.longest_wait that one is passed over",
		},
		{
			"parked behind another, as long as it may", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonCode: "not_its_turn", Before: 1, BehindId: "m0", UntilMs: 1, Then: "expire"},
			nil, "parked: one other send of its ordering key goes first, now m0; past ordering.longest_wait this one ends expired",
		},
		{"an attempt", &controlv1.Explanation{Place: controlv1.Place_PLACE_OPEN}, nil, "under way: an attempt is with the plugin"},
		{
			"quiet hours", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonClass: "time", ReasonCode: "quiet_hours", UntilMs: 1},
			nil, "parked: it is in its recipient's quiet hours",
		},
		{
			"a failed attempt", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonClass: "provider", ReasonCode: "500", Attempts: 2, UntilMs: 1},
			nil, "parked: attempt 2 did not get through (provider/500): another follows",
		},
		{
			"a throttled one", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonClass: "throttle", ReasonCode: "rate", UntilMs: 1},
			nil, "parked: its provider wanted to be asked later",
		},
		{
			"parked for want of room", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonClass: "overload", ReasonCode: "lane_full", UntilMs: 1},
			lane(as), "parked: its lane had no room: 1,200 wait there",
		},
		{"parked behind another", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonCode: "not_its_turn", Before: 1}, nil, "parked: one other send of its ordering key goes first"},
		{
			"a rate that throttles have lowered", &controlv1.Explanation{Place: controlv1.Place_PLACE_IN_LANE},
			lane(func(l *controlv1.LaneState) { l.RateNow, l.Lowered = 5, true }), "waiting: it is in its lane: rate lowered by throttles or warm-up",
		},
		{
			"too soon for its recipient", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonClass: "throttle", ReasonCode: "recipient_rate", UntilMs: 1},
			nil, "parked: its recipient has just had another one",
		},
		{
			"by another account", &controlv1.Explanation{Place: controlv1.Place_PLACE_PARKED, ReasonClass: "provider", ReasonCode: "failover", UntilMs: 1},
			nil, "parked: another account of its channel is left alone: it goes by this one",
		},
		{"held", &controlv1.Explanation{Place: controlv1.Place_PLACE_IN_DOUBT, Attempts: 1}, nil, "in doubt: the answer to attempt 1 was lost; `carillon indoubt resend|drop m1` decides"},
		{"on its way to Kafka", &controlv1.Explanation{Place: controlv1.Place_PLACE_SETTLING}, nil, "settling: "},
		{"a newer node", &controlv1.Explanation{Place: 99}, nil, "in a place that this version does not know: the node is newer"},
	} {
		w := newWhereabouts("m1", "shop", "u1", 3, "node-1/ABC", c.x, c.lane)
		var out strings.Builder
		if err := w.print(&out, until); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out.String(), c.want) || !strings.Contains(out.String(), "3, on node-1\n") {
			t.Errorf("%s:\n%s\nwant %s", c.name, out.String(), c.want)
		}
		if strings.Contains(out.String(), "node-1/ABC") {
			t.Errorf("%s: a process's name is shown", c.name)
		}
	}
}

// All nodes make one row: what waits adds up, what holds it says where, and of the
// parked the fullest shard counts.
func TestLanesOfAllNodes(t *testing.T) {
	a := answers{nodes: map[string]*controlv1.Reply{
		"n2/b": {Lanes: []*controlv1.LaneState{{Channel: "sms", Account: "main", PluginUp: false, Urgent: 5, ParkedBulk: 7, ParkedShare: .9, Rate: 80, RateNow: 40}}},
		"n1/a": {Lanes: []*controlv1.LaneState{
			{Channel: "sms", Account: "main", PluginUp: true, Urgent: 1, Bulk: 2, Open: 3, Credits: 4, ParkedUrgent: 1, ParkedShare: .1, Rate: 80, RateNow: 40},
			{Channel: "email", Account: "main", PluginUp: true, Rate: 1. / 6},
		}},
	}}
	var got []string
	for _, r := range a.lanes(false) {
		got = append(got, strings.Join(r.cells(), " | "))
	}
	want := []string{
		"email/main | 0 | 0 | 0 | 0 | 0/s | 10/m | 0 | 0% | -",
		"sms/main | 6 | 2 | 3 | 4 | 80/s | 80/s | 8 | 90% | plugin down on n2",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if rows := a.lanes(true); len(rows) != 3 || rows[1].Nodes[0] != "n1" || rows[2].Nodes[0] != "n2" {
		t.Errorf("by node: %+v", rows)
	}
}

// What did not answer is named, and no more of it than a line takes.
func TestSilence(t *testing.T) {
	if got := (&answers{}).silence(); got != "" {
		t.Errorf("all have answered: %s", got)
	}
	many := &answers{}
	for i := range int32(64) {
		many.missing = append(many.missing, i)
	}
	if got := many.silence(); !strings.HasPrefix(got, "no answer in time from 64 shards: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...; ") {
		t.Error(got)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := count(n); got != want {
			t.Errorf("count %d: %s, want %s", n, got, want)
		}
	}
	for rate, want := range map[float64]string{0: "-", 80: "80/s", 26.6666: "26.7/s", 0.5: "30/m", 1. / 3600: "1/h"} {
		if got := rateText(rate); got != want {
			t.Errorf("rate %v: %s, want %s", rate, got, want)
		}
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{time.Hour: ", in 1h0m0s", -90 * time.Second: ", 1m30s ago", time.Millisecond: ", now"} {
		if got := whenText(now.Add(d), now); !strings.HasSuffix(got, want) {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
