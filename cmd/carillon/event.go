package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// readEvent returns the status event that a record holds, nil where it holds
// none: another version's, or somebody else's.
func readEvent(r *kafka.Record) *carillonv1.Status {
	e, err := send.ParseStatus(r.Value, r.Headers)
	if err != nil {
		return nil
	}
	return e
}

// printEvent writes a status event as one line: JSON as it is on the topic, or
// for people.
func printEvent(w io.Writer, e *carillonv1.Status, asJSON bool) {
	if asJSON {
		fmt.Fprintf(w, "%s\n", send.AppendStatusJSON(nil, e))
		return
	}
	state := fmt.Sprintf("%-10s", send.StateName(e.Status))
	fmt.Fprintln(w, e.GetAt().AsTime().Local().Format("15:04:05.000")+"  "+paint(w, stateColour(e), state)+"  "+eventText(e))
}

func stateColour(e *carillonv1.Status) string {
	switch {
	case e.Kind == carillonv1.Kind_KIND_PROGRESS:
		return yellow
	case e.Status == carillonv1.State_STATE_SENT, e.Status == carillonv1.State_STATE_DELIVERED, e.Status == carillonv1.State_STATE_READ:
		return green
	}
	return red
}

// eventText is what an event says beside its time and state.
func eventText(e *carillonv1.Status) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if e.Channel != "" {
		add("%s/%s", e.Channel, e.Account)
	}
	if e.Attempt > 0 {
		add("attempt %d", e.Attempt)
	}
	if r := e.GetReason(); r != nil {
		add("because of %s", strings.Trim(r.Class+"/"+r.Code, "/"))
	}
	if e.Status != carillonv1.State_STATE_FALLBACK {
		for _, p := range e.Path {
			add("not %s (%s)", p.Channel, strings.Trim(p.GetReason().GetClass()+"/"+p.GetReason().GetCode(), "/"))
		}
	}
	if e.NextAt != nil {
		add("next at %s", e.NextAt.AsTime().Local().Format(time.DateTime))
	}
	if e.ProviderMessageId != "" {
		add("provider's id %s", e.ProviderMessageId)
	}
	if e.Kind == carillonv1.Kind_KIND_OUTCOME && e.AcceptedAt != nil && e.At != nil {
		add("after %v", e.At.AsTime().Sub(e.AcceptedAt.AsTime()).Round(time.Millisecond))
	}
	return strings.Join(parts, ", ")
}

// explain says what to do about a reason's code that the engine gives.
func explain(code string) string {
	switch code {
	case "seen":
		return "a send with this id was there before; give another --id to send again"
	case "unknown_channel":
		return "the node of the engine that owns this recipient has no channel of that name; every node needs the same `channels`, and `carillon plugin list --config FILE` shows those of a configuration"
	case "unknown_route":
		return "the node of the engine that owns this recipient has no route of that name; every node needs the same `routes`"
	case "no_rule":
		return "no rule of the route is for this recipient at this time; add one without `prefix` and `hours`, or name a channel behind the route"
	case "no_account":
		return "the channel has no account for this app; name the app in an account's `apps`"
	case "no_address":
		return "the recipient has no address of the kind that the channel takes; `carillon plugin list` shows which"
	case "bad_address":
		return "the address can't be one: check its spelling"
	case "past_expiry":
		return "its time had passed before an attempt; give a later --expires-at"
	case "order_wait":
		return "another send of its ordering key was not through within ordering.longest_wait; `carillon explain` says what that one waits for"
	}
	return ""
}
