package engine

import (
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/control"
	"github.com/carillonhq/carillon/engine/shard"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// halter is a shard that is told what operators have canceled and paused.
type halter interface{ Halt(*shard.Halts) }

// heard is for a record that somebody wants an answer to, or that takes back what
// was canceled or paused.
func (o *operator) heard(r *controlv1.Record) {
	o.asked = append(o.asked, r)
	undone, over := r.GetCancel().GetUndone(), r.GetPause().GetOver()
	if !undone && !over {
		return
	}
	o.log.Info().Str("by", r.By).Str("reason", r.Reason).Str("key", printable(control.KeyOf(r))).
		Msg("an operator has taken back what was canceled, or resumed what was paused")
}

// halt gives all shards what is canceled and paused, where that has changed.
func (o *operator) halt() {
	var stands []*controlv1.Record
	var over []string
	now := time.Now()
	for _, r := range o.Records() {
		c, p, q := r.GetCancel(), r.GetPause(), r.GetQuery()
		switch {
		case c != nil && (c.Undone || c.UntilMs <= now.UnixMilli()), q != nil && q.UntilMs <= now.UnixMilli():
			over = append(over, control.KeyOf(r))
		case c != nil, p != nil && !p.Over:
			stands = append(stands, r)
		}
	}
	o.forget(over)
	o.halting.Lock()
	defer o.halting.Unlock()
	if slices.Equal(stands, o.stands) {
		return
	}
	o.stands, o.halts = stands, haltsOf(stands)
	for _, s := range o.answering.shards() {
		s.Halt(o.halts)
	}
	// The lanes after the shards, so that what they give back is ended or parked,
	// and not pushed again.
	if o.haltLanes != nil {
		o.haltLanes(o.halts)
	}
}

// forget has tombstones written for what is over. None of these keys is ever
// another's.
func (o *operator) forget(keys []string) {
	if len(keys) == 0 {
		return
	}
	o.mu.Lock()
	for _, k := range keys {
		o.done[k] = true
	}
	o.mu.Unlock()
	o.signal()
}

// haltsOf returns what records say, as shards take it.
func haltsOf(records []*controlv1.Record) *shard.Halts {
	var cancels []shard.Cancel
	var pauses []shard.Pause
	for _, r := range records {
		if c := r.GetCancel(); c != nil {
			cancels = append(cancels, shard.Cancel{
				Request: c.Id, App: c.App, Campaign: c.Campaign, Recipient: c.Recipient, ID: c.SendId,
				Before: c.BeforeMs, Until: c.UntilMs,
			})
			continue
		}
		p := r.GetPause()
		pauses = append(pauses, shard.Pause{Request: p.Id, Scope: shard.Scope{
			App: p.App, Campaign: p.Campaign, Channel: p.Channel, Account: p.Account,
		}})
	}
	return shard.NewHalts(cancels, pauses)
}

// printable is a key as a log shows it.
func printable(key string) string {
	b := []byte(key)
	for i, c := range b {
		if c == 0 {
			b[i] = '/'
		}
	}
	return string(b)
}
