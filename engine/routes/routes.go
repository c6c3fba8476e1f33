// Package routes turns the name of a route into channels in order, by rules about
// the recipient and the time. It is pure: the same send that is due at the same
// time goes the same way on every node and after every restart.
package routes

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/hours"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Mark begins the name of a route where channels are named: `@otp`.
const Mark = '@'

// Name returns the name of the route that a channel's name stands for; ok is false
// where it is a channel's.
func Name(channel string) (name string, ok bool) {
	if channel == "" || channel[0] != Mark {
		return "", false
	}
	return channel[1:], true
}

// Table is all routes. It is read only, and safe for concurrent use.
type Table struct {
	// Rules are those of each route by its name, without Mark. The first one that
	// is for a send decides.
	Rules map[string][]Rule
	// Prices are those of the channels that a rule sorts by price.
	Prices map[string]Prices
	// Zone is that of recipients who name none.
	Zone *time.Location
}

// Rule is channels in order, and for which sends.
type Rule struct {
	// Prefixes are what the recipient's phone number begins with, as `+351`. None
	// is any recipient.
	Prefixes []string
	// Hours are the part of the day, by the recipient's clock, in which the send is
	// due. The zero Window is any.
	Hours hours.Window
	By    By
	// Channels are names of channels; where By is Listed, also of routes.
	Channels []string
}

// By is how a rule sorts its channels.
type By string

const (
	// Listed is as they stand.
	Listed By = ""
	// Price is the cheapest first. Those of one price go as they stand.
	Price By = "price"
	// Preference is as the send's recipient wants them. Those of which it says
	// nothing follow as they stand.
	Preference By = "preference"
)

// AnyPrefix stands for every phone number, and for none.
const AnyPrefix = "*"

// Prices are what a message costs by what the recipient's phone number begins with;
// the longest one holds.
type Prices struct {
	prefixes []string // the longest first, and AnyPrefix
	prices   []float64
}

// PricesOf returns the prices by prefix, as `+351`. AnyPrefix is every recipient else.
func PricesOf[N ~float64](byPrefix map[string]N) (p Prices) {
	longest := func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }
	p.prefixes = slices.SortedFunc(maps.Keys(byPrefix), longest)
	for _, prefix := range p.prefixes {
		p.prices = append(p.prices, float64(byPrefix[prefix]))
	}
	return p
}

func (p *Prices) of(phone string) float64 {
	for i, prefix := range p.prefixes {
		if prefix == AnyPrefix || strings.HasPrefix(phone, prefix) {
			return p.prices[i]
		}
	}
	return 0
}

// Resolve returns the send's channels with the routes among them resolved; each
// channel is in it once. A route that is not known stays as it is, and so does one
// of which no rule is for the send. due is when the send may first go. The list may
// be the table's: it must not be changed.
func (t *Table) Resolve(m *carillonv1.Send, due time.Time) []string {
	if !slices.ContainsFunc(m.Channels, isRoute) {
		return m.Channels
	}
	r := resolver{Table: t, to: m.To, due: due}
	if len(m.Channels) == 1 {
		rule := r.rule(m.Channels[0][1:])
		if rule != nil && !slices.ContainsFunc(rule.Channels, isRoute) {
			return r.sorted(rule)
		}
	}
	r.channels, r.seen = make([]string, 0, 8), make([]string, 0, 4)
	for _, channel := range m.Channels {
		if name, ok := Name(channel); !ok || !r.route(name) {
			r.add(channel)
		}
	}
	return r.channels
}

func isRoute(channel string) bool {
	_, ok := Name(channel)
	return ok
}

// resolver resolves the routes of one send.
type resolver struct {
	*Table
	to       *carillonv1.Recipient
	due      time.Time
	channels []string
	seen     []string // the routes that stand in channels, or have no rule for it
}

func (r *resolver) add(channel string) {
	if !slices.Contains(r.channels, channel) {
		r.channels = append(r.channels, channel)
	}
}

// route adds the channels of a route, and says whether it has any. A route that was
// added before adds nothing, so that routes which name each other come to an end.
func (r *resolver) route(name string) (found bool) {
	if slices.Contains(r.seen, name) {
		return true
	}
	r.seen = append(r.seen, name)
	rule := r.rule(name)
	if rule == nil {
		return false
	}
	for _, channel := range r.sorted(rule) {
		if next, ok := Name(channel); ok {
			found = r.route(next) || found
			continue
		}
		r.add(channel)
		found = true
	}
	return found
}

// rule returns the first rule of a route that is for the send, nil where none is.
func (r *resolver) rule(name string) *Rule {
	rules := r.Rules[name]
	for i := range rules {
		if r.matches(&rules[i]) {
			return &rules[i]
		}
	}
	return nil
}

func (r *resolver) matches(rule *Rule) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(r.to.Phone, prefix) }
	if len(rule.Prefixes) > 0 && !slices.ContainsFunc(rule.Prefixes, begins) {
		return false
	}
	if rule.Hours.None() {
		return true
	}
	zone := r.Zone
	if r.to.TimeZone != "" {
		zone = cmp.Or(send.Zone(r.to.TimeZone), zone)
	}
	return rule.Hours.Has(r.due, zone)
}

// sorted returns a rule's channels in its order.
func (r *resolver) sorted(rule *Rule) []string {
	if rule.By == Listed {
		return rule.Channels
	}
	channels := slices.Clone(rule.Channels)
	var space [8]float64
	ranks := space[:0]
	for i, channel := range channels {
		ranks = append(ranks, r.rank(rule.By, channel))
		for ; i > 0 && ranks[i] < ranks[i-1]; i-- { // they are few
			ranks[i], ranks[i-1] = ranks[i-1], ranks[i]
			channels[i], channels[i-1] = channels[i-1], channels[i]
		}
	}
	return channels
}

func (r *resolver) rank(by By, channel string) float64 {
	if by == Price {
		prices := r.Prices[channel]
		return prices.of(r.to.Phone)
	}
	if i := slices.Index(r.to.PreferredChannels, channel); i >= 0 {
		return float64(i)
	}
	return math.Inf(1)
}
