package shard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/lane"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Find implements seer: what was pushed waits, and what began is at its plugin.
func (l *traceLane) Find(o lane.Owner, _ time.Time, match func(any) bool) (lane.Sighting, bool) {
	for _, a := range l.trace.atLane {
		if a.Owner == o && a.Ref.(*item).line.way == l && match(a.Ref) {
			began := l.trace.now
			return lane.Sighting{Ref: a.Ref, Open: !slices.Contains(l.trace.pushed, a), Began: began, Deadline: began.Add(9 * time.Second)}, true
		}
	}
	return lane.Sighting{}, false
}

// explain writes what the shard says of a send.
func (tr *trace) explain(id string) {
	q := &controlv1.Query{Question: &controlv1.Query_Explain{Explain: &controlv1.Explain{App: "shop", Recipient: "u1", Id: id}}}
	reply := &controlv1.ShardReply{}
	tr.shard.explain(q, reply, tr.now)
	x := reply.GetExplanation()
	text := strings.ToLower(strings.TrimPrefix(x.Place.String(), "PLACE_"))
	add := func(is bool, format string, args ...any) {
		if is {
			text += fmt.Sprintf(" "+format, args...)
		}
	}
	after := func(ms int64) time.Duration { return time.UnixMilli(ms).Sub(tr.now) }
	add(x.Channel != "", "%s/%s", x.Channel, x.Account)
	add(x.Bulk, "bulk")
	add(x.Attempts > 0, "attempts=%d", x.Attempts)
	add(x.ReasonClass != "", "%s:%s", x.ReasonClass, x.ReasonCode)
	add(x.Before > 0, "behind=%d", x.Before)
	add(x.Then != "", "first=%s then=%s", x.BehindId, x.Then)
	add(x.SinceMs > 0, "since=%v", after(x.SinceMs))
	add(x.UntilMs > 0, "until=%+v", after(x.UntilMs))
	add(x.ExpiresMs > 0, "expires=%+v", after(x.ExpiresMs))
	add(x.AcceptedMs > 0, "accepted=%v", after(x.AcceptedMs))
	tr.effect("%s is %s", id, text)
}
