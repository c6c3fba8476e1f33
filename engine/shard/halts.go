package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/send"
)

// Halts are what operators have canceled and paused, as it stands. It is read
// only, and nil where there is nothing: then it costs a send a comparison, and
// else a map lookup for each kind of it.
type Halts struct {
	sends     map[send.Key][]*Cancel
	campaigns map[campaignOf][]*Cancel
	apps      map[string][]*Cancel
	pauses    map[Scope]*Pause
	requests  map[string]bool // all of them, and whether parked sends need not be gone through
}

const rowsUnseen, rowsSeen = false, true

type campaignOf struct{ app, campaign string }

// Cancel ends sends without another attempt: those of an app, of one of its
// campaigns, or one send.
type Cancel struct {
	Request       string // names it
	App, Campaign string
	Recipient, ID string // both or none
	Before        int64  // accepted before it, Unix milliseconds; 0 is whenever
	Until         int64  // when it stands no more, Unix milliseconds
}

// Pause keeps sends parked until it stands no more.
type Pause struct {
	Request string
	Scope
}

// Scope is what is paused: an app, or one campaign of it; or a channel, or one
// account of it.
type Scope struct{ App, Campaign, Channel, Account string }

// NewHalts returns what stands, nil where nothing does.
func NewHalts(cancels []Cancel, pauses []Pause) *Halts {
	if len(cancels)+len(pauses) == 0 {
		return nil
	}
	h := &Halts{requests: map[string]bool{}}
	for i := range cancels {
		c := &cancels[i]
		h.requests[c.Request] = rowsUnseen
		switch {
		case c.ID != "":
			add(&h.sends, send.KeyOf(c.App, c.Recipient, c.ID), c)
		case c.Campaign != "":
			add(&h.campaigns, campaignOf{c.App, c.Campaign}, c)
		default:
			add(&h.apps, c.App, c)
		}
	}
	for i := range pauses {
		p := &pauses[i]
		h.requests[p.Request] = rowsSeen
		if h.pauses == nil {
			h.pauses = map[Scope]*Pause{}
		}
		h.pauses[p.Scope] = p
	}
	return h
}

func add[K comparable](m *map[K][]*Cancel, k K, c *Cancel) {
	if *m == nil {
		*m = map[K][]*Cancel{}
	}
	(*m)[k] = append((*m)[k], c)
}

// cancels returns the cancel of a send that stands, nil where there is none. Of
// several the last counts.
func (h *Halts) cancels(it *item, now time.Time) *Cancel {
	if c := standing(h.sends[it.key], it, now); c != nil {
		return c
	}
	if it.Send.Campaign != "" {
		if c := standing(h.campaigns[campaignOf{it.Send.App, it.Send.Campaign}], it, now); c != nil {
			return c
		}
	}
	return standing(h.apps[it.Send.App], it, now)
}

func standing(list []*Cancel, it *item, now time.Time) *Cancel {
	for i := len(list) - 1; i >= 0; i-- {
		if c := list[i]; now.UnixMilli() < c.Until && (c.Before == 0 || it.accepted.UnixMilli() < c.Before) {
			return c
		}
	}
	return nil
}

// paused returns the pause of a send on its way through an account, nil where
// there is none. What an operator has sent again goes at once.
func (h *Halts) paused(it *item, channel, account string) *Pause {
	if len(h.pauses) == 0 || it.resent() {
		return nil
	}
	for _, s := range [...]Scope{
		{App: it.Send.App}, {App: it.Send.App, Campaign: it.Send.Campaign}, {Channel: channel}, {Channel: channel, Account: account},
	} {
		if p := h.pauses[s]; p != nil {
			return p
		}
	}
	return nil
}

// Stops says whether an attempt of a shard's, which waits in a lane, must not
// begin. It may be called from any goroutine.
func (h *Halts) Stops(a *lane.Attempt, now time.Time) bool {
	it := a.Ref.(*item)
	return h.cancels(it, now) != nil || h.paused(it, it.channel, it.account) != nil
}

// has says whether a cancel or a pause of that name stands.
func (h *Halts) has(request string) bool {
	if h == nil {
		return false
	}
	_, has := h.requests[request]
	return has
}
