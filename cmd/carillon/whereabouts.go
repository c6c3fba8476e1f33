package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// whereabouts is where a send is and why, for people and programs.
type whereabouts struct {
	ID        string `json:"id"`
	App       string `json:"app"`
	Recipient string `json:"recipient"`
	Shard     int32  `json:"shard"`
	Node      string `json:"node,omitempty"`
	// Place is one of places.
	Place string `json:"place"`
	// Why is a sentence.
	Why        string     `json:"why"`
	Outcome    string     `json:"outcome,omitempty"` // once it has ended
	Channel    string     `json:"channel,omitempty"`
	Account    string     `json:"account,omitempty"`
	Campaign   string     `json:"campaign,omitempty"`
	Priority   string     `json:"priority,omitempty"`
	Attempts   uint32     `json:"attempts"`
	Reason     string     `json:"reason,omitempty"`   // class/code of a status event
	Before     int64      `json:"before,omitempty"`   // of its ordering key
	BehindID   string     `json:"behindId,omitempty"` // the first of them
	AcceptedAt *time.Time `json:"acceptedAt,omitempty"`
	ExpiresAt  *time.Time `json:"expiresAt,omitempty"`
	Since      *time.Time `json:"since,omitempty"`
	Until      *time.Time `json:"until,omitempty"`
	Lane       *laneRow   `json:"lane,omitempty"`

	urgentRead, bulkRead *time.Time
}

const (
	placeNotKnown = "not known"
	placeEnded    = "ended"
)

// places are named as operators see them.
var places = map[controlv1.Place]string{
	controlv1.Place_PLACE_NOT_KNOWN: placeNotKnown, controlv1.Place_PLACE_ENDED: placeEnded,
	controlv1.Place_PLACE_IN_SHARD: "waiting", controlv1.Place_PLACE_BEHIND: "waiting",
	controlv1.Place_PLACE_IN_LANE: "waiting", controlv1.Place_PLACE_OPEN: "under way",
	controlv1.Place_PLACE_PARKED: "parked", controlv1.Place_PLACE_IN_DOUBT: "in doubt",
	controlv1.Place_PLACE_SETTLING: "settling",
}

func newWhereabouts(id, app, recipient string, shard int32, node string, x *controlv1.Explanation, lane *controlv1.LaneState) *whereabouts {
	w := &whereabouts{
		ID: id, App: app, Recipient: recipient, Shard: shard, Node: shortNode(node), Place: places[x.Place],
		Channel: x.Channel, Account: x.Account, Campaign: x.Campaign, Attempts: x.Attempts, Before: x.Before, BehindID: x.BehindId,
		Reason: strings.Trim(x.ReasonClass+"/"+x.ReasonCode, "/"), AcceptedAt: timeOf(x.AcceptedMs), ExpiresAt: timeOf(x.ExpiresMs),
		Since: timeOf(x.SinceMs), Until: timeOf(x.UntilMs), urgentRead: timeOf(x.UrgentReadMs), bulkRead: timeOf(x.BulkReadMs),
	}
	if w.Place == "" {
		w.Place = "in a place that this version does not know"
	}
	if x.AcceptedMs != 0 {
		w.Priority = map[bool]string{false: "urgent", true: "bulk"}[x.Bulk]
	}
	if lane != nil {
		row := newLaneRow(node, lane)
		w.Lane = &row
	}
	w.Why = w.why(x)
	return w
}

// ended is for one whose outcome was found.
func (w *whereabouts) ended(e *carillonv1.Status) {
	w.Place, w.Outcome, w.Why = placeEnded, send.StateName(e.Status), "it ended as "+send.StateName(e.Status)
	w.Channel, w.Account, w.Campaign, w.Attempts = e.Channel, e.Account, e.Campaign, e.Attempt
	w.Reason = strings.Trim(e.Reason.GetClass()+"/"+e.Reason.GetCode(), "/")
	w.Since, w.AcceptedAt = timeOf(e.At.AsTime().UnixMilli()), timeOf(e.AcceptedAt.AsTime().UnixMilli())
	if advice := explain(e.Reason.GetCode()); advice != "" {
		w.Why += ": " + advice
	}
}

// why says it in a sentence.
func (w *whereabouts) why(x *controlv1.Explanation) string {
	switch x.Place {
	case controlv1.Place_PLACE_NOT_KNOWN:
		return "no node knows it: it was not read yet, never published under this app and recipient, or is no send (`carillon invalid list`)"
	case controlv1.Place_PLACE_ENDED:
		return "it has ended, and its events are no longer in the topic status"
	case controlv1.Place_PLACE_SETTLING:
		return "its attempt was answered, or its wait is over: what follows is on its way to Kafka"
	case controlv1.Place_PLACE_OPEN:
		return "an attempt is with the plugin; without an answer it counts as unknown"
	case controlv1.Place_PLACE_IN_DOUBT:
		return fmt.Sprintf("the answer to attempt %d was lost; `carillon indoubt resend|drop %s` decides, else it ends as unknown", x.Attempts, w.ID)
	case controlv1.Place_PLACE_BEHIND:
		return others(x)
	case controlv1.Place_PLACE_IN_SHARD, controlv1.Place_PLACE_IN_LANE:
		if of := limitOf(x); of != "" {
			return "the limit by " + of + " keeps it"
		}
		if x.Place == controlv1.Place_PLACE_IN_LANE {
			return "it is in its lane" + w.Lane.holds()
		}
		return "its lane takes no more of its shard's for now" + w.Lane.holds()
	case controlv1.Place_PLACE_PARKED:
		return w.parked(x)
	}
	return "the node is newer than this command"
}

func (w *whereabouts) parked(x *controlv1.Explanation) string {
	switch {
	case x.Before > 0:
		return others(x)
	case x.UntilMs == 0 && x.ReasonCode == "":
		return "it was written down while an attempt is with the plugin"
	case x.ReasonCode == "lane_full":
		return "its lane had no room" + w.Lane.holds()
	case x.ReasonClass == "policy" && x.ReasonCode == "quiet_hours":
		return "a channel before this one has quiet hours, and this one is next" + w.Lane.holds()
	}
	if text := parkedWhy[x.ReasonCode]; text != "" {
		return text
	}
	if of := limitOf(x); of != "" {
		return "the limit by " + of + " keeps it"
	}
	if x.ReasonClass == "throttle" {
		return "its provider wanted to be asked later"
	}
	return fmt.Sprintf("attempt %d did not get through (%s): another follows", x.Attempts, w.Reason)
}

// parkedWhy says what a reason's code means for a send that waits on disk;
// docs/contract.md has all codes.
var parkedWhy = map[string]string{
	"not_yet":        "its sendAt has not come",
	"quiet_hours":    "it is in its recipient's quiet hours",
	"not_its_turn":   "another send of its ordering key goes first",
	"taken_over":     "a former owner of its shard may have an attempt under way: its deadline is waited for",
	"lost_answer":    "the answer to its last attempt was lost: another follows",
	"resend":         "an operator has it sent again",
	"paused":         "an operator has paused it: `carillon resume` lets it go on",
	"breaker_open":   "its account is left alone, since it refuses everything: a probe goes now and then, and all else follows the first that gets through",
	"failover":       "another account of its channel is left alone: it goes by this one",
	"recipient_rate": "its recipient has just had another one: recipient_rate says how soon the next may follow",
	"resumed":        "it was paused, and is taken up again",
	"capped":         "its recipient has had as many as its cap allows",
}

// limitOf is the dimension of the limit that keeps a send, "" where none does.
func limitOf(x *controlv1.Explanation) string {
	if of, ok := strings.CutPrefix(x.ReasonCode, "limit_"); ok && x.ReasonClass == "throttle" {
		return strings.ReplaceAll(of, "_", " ")
	}
	return ""
}

// others says for which sends of its ordering key one waits, and what follows when
// it has for too long.
func others(x *controlv1.Explanation) string {
	text := "one other send of its ordering key goes first"
	if x.Before != 1 {
		text = fmt.Sprintf("%d other sends of its ordering key go first", x.Before)
	}
	if x.BehindId != "" {
		text += ", now " + x.BehindId
	}
	switch x.Then {
	case "skip":
		text += "; past ordering.longest_wait that one is passed over"
	case "expire":
		text += "; past ordering.longest_wait this one ends expired"
	}
	return text
}

// print writes it for people.
func (w *whereabouts) print(out io.Writer, now time.Time) error {
	colour := yellow
	if w.Place == placeNotKnown {
		colour = red
	}
	if w.Outcome == "sent" {
		colour = green
	}
	fmt.Fprintf(out, "%s: %s\n", paint(out, colour, w.Place), w.Why)
	var rows [][]string
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{"  " + name, text})
		}
	}
	at := func(name string, t *time.Time) {
		if t != nil {
			add(name, whenText(*t, now))
		}
	}
	at("until", w.Until)
	at("since", w.Since)
	if w.Channel != "" {
		add("channel", strings.Trim(w.Channel+"/"+w.Account+", "+w.Priority, ", "))
	}
	add("campaign", w.Campaign)
	if w.Place != placeNotKnown {
		add("attempts", fmt.Sprint(w.Attempts))
		add("reason", w.Reason)
	}
	at("accepted", w.AcceptedAt)
	at("expires", w.ExpiresAt)
	if w.Lane != nil && w.Place != placeEnded {
		add("lane", w.Lane.text())
	}
	if w.Place == placeNotKnown {
		at("urgent read up to", w.urgentRead)
		at("bulk read up to", w.bulkRead)
	}
	add("shard", strings.TrimSuffix(fmt.Sprintf("%d, on %s", w.Shard, w.Node), ", on "))
	return table(out, rows)
}

// whenText is a time, and how far it is from now.
func whenText(t, now time.Time) string {
	d := t.Sub(now).Round(time.Second)
	text := t.Local().Format(time.DateTime)
	switch {
	case d >= time.Second:
		return text + ", in " + d.String()
	case d <= -time.Second:
		return text + ", " + (-d).String() + " ago"
	}
	return text + ", now"
}

func timeOf(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}
