package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillonhq/carillon/engine/kafka"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

func TestDoubtfulRows(t *testing.T) {
	at := time.UnixMilli(1_790_000_000_000)
	held := func() *ledgerv1.Parked {
		return &ledgerv1.Parked{
			Send:    &carillonv1.Send{Id: "m1", App: "shop", To: &carillonv1.Recipient{Id: "u1", Phone: "+351912345678"}},
			Channel: "sms", Account: "main", Attempt: 2, Held: true, DueMs: at.Add(time.Hour).UnixMilli(),
			Reason: &carillonv1.Reason{Class: "provider", Code: "lost_answer"},
		}
	}
	for _, c := range []struct {
		name   string
		change func(*ledgerv1.Parked)
		want   bool
	}{
		{"held", func(*ledgerv1.Parked) {}, true},
		{"waiting for another attempt", func(p *ledgerv1.Parked) { p.Held = false }, false},
		{"under way", func(p *ledgerv1.Parked) { p.Held, p.Open = false, true }, false},
	} {
		p := held()
		c.change(p)
		value, err := p.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		got, ok := newDoubtful(3, &kafka.Record{Time: at, Value: value})
		if ok != c.want {
			t.Errorf("%s: %t", c.name, ok)
		}
		want := doubtful{
			ID: "m1", App: "shop", Recipient: "u1", Channel: "sms", Account: "main", Attempt: 2, Since: at, Ends: at.Add(time.Hour),
			Reason: "provider/lost_answer", Shard: 3,
		}
		if d := cmp.Diff(want, got); ok && d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	if _, ok := newDoubtful(3, &kafka.Record{}); ok {
		t.Error("a tombstone is in doubt")
	}
	if _, ok := newDoubtful(3, &kafka.Record{Value: []byte("hello")}); ok {
		t.Error("somebody's record is in doubt")
	}
}

func TestPick(t *testing.T) {
	found := []doubtful{
		{ID: "a", App: "shop", Recipient: "u1"}, {ID: "b", App: "shop", Recipient: "u1"}, {ID: "b", App: "shop", Recipient: "u2"},
	}
	for _, c := range []struct {
		name                  string
		ids                   []string
		chosen, missing, says string
	}{
		{"all", nil, "a b b", "", ""},
		{"one", []string{"a"}, "a", "", ""},
		{"twice the same", []string{"a", "a"}, "a", "", ""},
		{"one that has ended", []string{"z", "a"}, "a", "z", ""},
		// Which one is not for the command to say.
		{"an id of two sends", []string{"a", "b"}, "", "", "2 sends in doubt have the id b: choose with --app shop --recipient u1, or --app shop --recipient u2"},
	} {
		chosen, missing, err := pick(found, c.ids)
		var ids []string
		for _, d := range chosen {
			ids = append(ids, d.ID)
		}
		if strings.Join(ids, " ") != c.chosen || strings.Join(missing, " ") != c.missing || (err != nil) != (c.says != "") ||
			err != nil && err.Error() != c.says {
			t.Errorf("%s: %v, missing %v, %v", c.name, ids, missing, err)
		}
	}
}

// What an event says of a decision about attempt 2.
func TestWhatEventsShow(t *testing.T) {
	const resend, drop = controlv1.Decision_DECISION_RESEND, controlv1.Decision_DECISION_DROP
	event := func(s carillonv1.State, k carillonv1.Kind, attempt uint32, reason string) *carillonv1.Status {
		class, code, _ := strings.Cut(reason, "/")
		return &carillonv1.Status{Status: s, Kind: k, Attempt: attempt, Reason: &carillonv1.Reason{Class: class, Code: code}}
	}
	const progress, outcome = carillonv1.Kind_KIND_PROGRESS, carillonv1.Kind_KIND_OUTCOME
	const parked, unknown, sent = carillonv1.State_STATE_PARKED, carillonv1.State_STATE_UNKNOWN, carillonv1.State_STATE_SENT
	for _, c := range []struct {
		name     string
		decision controlv1.Decision
		event    *carillonv1.Status
		want     string // "" goes on waiting
	}{
		{"attempted again", resend, event(parked, progress, 2, "operator/resend"), "done"},
		{"dropped", drop, event(unknown, outcome, 2, "operator/dropped"), "done"},
		// Somebody else was faster, and said otherwise.
		{"dropped by another", resend, event(unknown, outcome, 2, "operator/dropped"), "late"},
		{"resent by another", drop, event(parked, progress, 2, "operator/resend"), "late"},
		{"held for long enough", drop, event(unknown, outcome, 2, "provider/lost_answer"), "late"},
		{"resent by another, and sent", drop, event(sent, outcome, 3, "/"), "late"},
		{"attempted again, and sent", resend, event(sent, outcome, 3, "/"), "done"},
		{"attempted again, and in doubt", resend, event(carillonv1.State_STATE_IN_DOUBT, progress, 3, "provider/lost_answer"), "done"},
		// The event of an earlier decision, published again after a fault.
		{"an earlier attempt's", resend, event(parked, progress, 1, "operator/resend"), ""},
		{"in doubt", resend, event(carillonv1.State_STATE_IN_DOUBT, progress, 2, "provider/lost_answer"), ""},
		{"another record's", drop, event(carillonv1.State_STATE_DUPLICATE, outcome, 0, "duplicate/seen"), ""},
	} {
		w := watch{decision: c.decision}
		done, late := w.shows(c.event, 2)
		got := map[[2]bool]string{{true, false}: "done", {false, true}: "late"}[[2]bool{done, late}]
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
