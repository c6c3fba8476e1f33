package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/routes"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// What the engine would say of a record.
const (
	resultOK       = "ok"
	resultRejected = "rejected"
	resultInvalid  = "invalid"
)

// judgement is what the engine would say of one record.
type judgement struct {
	Record int      `json:"record"`
	Line   int      `json:"line"`
	Result string   `json:"result"`
	Format string   `json:"format"`
	Code   string   `json:"code,omitempty"`
	Path   string   `json:"path,omitempty"`
	Detail string   `json:"detail,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// judge does what the engine does with a record before an attempt, as far as
// that depends on the record and the configuration alone.
type judge struct {
	cfg *config.Config // nil: the bundled channels, for every app
	now time.Time
}

func (c *judge) judge(value []byte) judgement {
	limits := send.DefaultLimits()
	if c.cfg != nil {
		l := c.cfg.Limits
		limits = send.Limits{Bytes: int(l.Record), Depth: l.Depth, Fields: l.Fields}
	}
	m, notes, err := send.Decode(send.Record{Value: value}, limits)
	v := judgement{Result: resultOK, Format: notes.Format.String()}
	for _, field := range notes.NearMisses {
		v.Notes = append(v.Notes, fmt.Sprintf("unknown field %q is passed over: it looks like a known one misspelt", field))
	}
	var invalid *send.Invalid
	if errors.As(err, &invalid) {
		v.Result, v.Code, v.Path, v.Detail = resultInvalid, invalid.Code, invalid.Path, invalid.Detail
		return v
	}
	c.route(m, &v)
	c.times(m, &v)
	return v
}

// route looks for a channel that could be tried.
func (c *judge) route(m *carillonv1.Send, v *judgement) {
	if len(m.Channels) == 0 {
		v.Result, v.Code, v.Path, v.Detail = resultRejected, "no_channel", "channels", "the send names no channel"
		return
	}
	usable := false
	var first *refusal
	channels := c.resolved(m)
	if !slices.Equal(channels, m.Channels) {
		v.Notes = append(v.Notes, "by its routes it would go by "+strings.Join(channels, ", "))
	}
	for _, name := range channels {
		f, unsure := c.usable(name, m)
		if f == nil {
			usable = true
			if unsure != "" {
				v.Notes = append(v.Notes, unsure)
			}
			continue
		}
		if f.path == "" {
			f.path = fmt.Sprintf("channels[%d]", max(0, slices.Index(m.Channels, name)))
		}
		if first == nil {
			first = f
		}
		v.Notes = append(v.Notes, fmt.Sprintf("channel %s can't be taken: %s", name, f.detail))
	}
	if !usable {
		v.Result, v.Code, v.Path, v.Detail = resultRejected, first.code, first.path, first.detail
		if len(channels) == 1 {
			v.Notes = v.Notes[:len(v.Notes)-1] // it says the same
		}
	}
}

// resolved returns the send's channels with its routes resolved, as of when it is due.
func (c *judge) resolved(m *carillonv1.Send) []string {
	if c.cfg == nil || c.cfg.RouteTable() == nil {
		return m.Channels
	}
	due := c.now
	if at := m.SendAt; at != nil && at.AsTime().After(due) {
		due = at.AsTime()
	}
	return c.cfg.RouteTable().Resolve(m, due)
}

type refusal struct{ code, path, detail string }

// usable says why a channel can't be tried, or what can't be known of it.
func (c *judge) usable(name string, m *carillonv1.Send) (f *refusal, unsure string) {
	kind := name
	if c.cfg != nil {
		ch, ok := c.cfg.Channels[name]
		route, isRoute := routes.Name(name)
		switch {
		case isRoute && c.cfg.Routes[route] == nil:
			return &refusal{"unknown_route", "", "the configuration has no route " + name}, ""
		case isRoute:
			return &refusal{"no_rule", "", "no rule of the route is for this send"}, ""
		case !ok:
			return &refusal{"unknown_channel", "", "the configuration has no channel " + name}, ""
		case !servesApp(ch, m.App):
			return &refusal{"no_account", "", "the channel has no account for the app"}, ""
		}
		kind = ch.Plugin.Bundled
	}
	if bundled[kind] == nil {
		return nil, fmt.Sprintf("channel %s is none of the bundled ones: whether it exists, and what addresses it takes, is not checked", name)
	}
	addressKind := describe(kind).AddressKind
	address, ok := send.Address(m.To, addressKind)
	if !ok {
		return &refusal{"no_address", "to", "the recipient has no address of the kind " + addressKind}, ""
	}
	var invalid *send.Invalid
	if errors.As(send.CheckAddress(addressKind, address.Value), &invalid) {
		return &refusal{"bad_address", "to." + addressKind, invalid.Detail}, ""
	}
	return nil, ""
}

func servesApp(ch config.Channel, app string) bool {
	for _, a := range ch.Accounts {
		if slices.Contains(a.Apps, "*") || slices.Contains(a.Apps, app) {
			return true
		}
	}
	return false
}

// times notes what is true now and may not be when the send is published.
func (c *judge) times(m *carillonv1.Send, v *judgement) {
	if m.ExpiresAt != nil && !m.ExpiresAt.AsTime().After(c.now) {
		v.Notes = append(v.Notes, "expiresAt has passed: the send would end as expired")
	}
	if m.SendAt != nil && m.SendAt.AsTime().After(c.now) {
		v.Notes = append(v.Notes, "sendAt is ahead: the send would wait until "+m.SendAt.AsTime().Format(time.DateTime)+" UTC")
	}
}
