package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/carillonhq/carillon/engine/hours"
	"github.com/carillonhq/carillon/engine/routes"
	"github.com/carillonhq/carillon/engine/send"
)

// Route is rules in order: the first one that is for a send names its channels.
type Route []Rule

// Rule names channels in order, and for which sends. One without `prefix` and `hours`
// is for all.
type Rule struct {
	// Only for recipients whose phone number begins with one of these: `+351`.
	Prefix []string `yaml:"prefix"`
	// Only for sends that are due in this part of the day by the recipient's clock,
	// such as `08:00-22:00`. A send is due when it is accepted, or at its `sendAt`.
	Hours hours.Window `yaml:"hours"`
	// How its channels are sorted: by `price`, the cheapest first; or by the
	// `preference` in `to.preferredChannels`, the others behind. Default: as listed.
	By string `yaml:"by" enum:",price,preference"`
	// The channels in order. `@name` is another route.
	Channels []string `yaml:"channels"`
}

// Price is what a message costs, in any currency that all channels have in common.
type Price float64

// ParsePrice reads a number that is not below 0, such as 0.031.
func ParsePrice(s string) (Price, error) {
	p, err := strconv.ParseFloat(s, 64)
	if err != nil || !(p >= 0) || math.IsInf(p, 0) {
		return 0, fmt.Errorf("%q must be a price such as 0.031", s)
	}
	return Price(p), nil
}

var (
	// With its mark the name has to fit into a send's channels.
	routeName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	// The calling code and as many digits of the number as wanted, 15 in all
	// (ITU-T E.164).
	prefixForm = regexp.MustCompile(`^[+][1-9][0-9]{0,14}$`)
	priceOf    = regexp.MustCompile(`^([+][1-9][0-9]{0,14}|[*])$`)
)

func (k *checker) routes(c *Config) {
	for _, name := range sortedKeys(c.Channels) {
		for _, prefix := range sortedKeys(c.Channels[name].Prices) {
			k.need(priceOf.MatchString(prefix), "channels."+name+".prices."+prefix, "is no prefix; take + and digits, such as +351, or `*` for everybody else")
		}
	}
	for _, name := range sortedKeys(c.Routes) {
		route, path := c.Routes[name], "routes."+name
		k.need(routeName.MatchString(name), path, "can't name a route; begin with a lower-case letter, go on with lower-case letters, digits, `_` and `-`, 63 at most")
		k.need(len(route) > 0, path, "has no rule; add one, such as [{channels: [email]}]")
		for i, rule := range route {
			at := path + "[" + strconv.Itoa(i) + "]"
			k.rule(at, rule)
			k.need(i+1 == len(route) || len(rule.Prefix) > 0 || !rule.Hours.None(), at,
				"is for all sends, so that no rule below it is ever asked; put it last, or give it prefix or hours")
		}
		if way := k.around(name, name, map[string]bool{}); way != nil {
			k.add(path, "comes back to itself: @%s; take one of them out", strings.Join(way, " -> @"))
		}
	}
}

func (k *checker) rule(path string, r Rule) {
	for i, prefix := range r.Prefix {
		k.need(prefixForm.MatchString(prefix), path+".prefix["+strconv.Itoa(i)+"]", "%q is no prefix; take + and digits, such as +351", prefix)
	}
	k.need(len(r.Channels) > 0, path+".channels", "names no channel; name at least one")
	for i, channel := range r.Channels {
		at := path + ".channels[" + strconv.Itoa(i) + "]"
		k.need(!slices.Contains(r.Channels[:i], channel), at, "%q is there twice; name it once", channel)
		k.channelOrRoute(at, channel)
		_, route := routes.Name(channel)
		k.need(r.By == "" || !route, at, "is a route, which has no place by %s; name its channels", r.By)
		if ch, known := k.c.Channels[channel]; known && r.By == string(routes.Price) {
			_, priced := ch.Prices[routes.AnyPrefix]
			k.need(priced, at, `has no price for everybody; set channels.%s.prices, such as {"*": 0.04}`, channel)
		}
	}
}

// channelOrRoute checks that one of the name is configured.
func (k *checker) channelOrRoute(path, name string) {
	if route, ok := routes.Name(name); ok {
		if _, known := k.c.Routes[route]; !known {
			k.add(path, "%q is no route that is configured; %s", name, suggest(route, sortedKeys(k.c.Routes)))
		}
		return
	}
	if _, known := k.c.Channels[name]; !known {
		k.add(path, "%q is no channel that is configured; %s", name, suggest(name, sortedKeys(k.c.Channels)))
	}
}

// around returns the routes by which one comes back to the first; nil where it does
// not. seen are those that it has asked.
func (k *checker) around(first, name string, seen map[string]bool) []string {
	for _, rule := range k.c.Routes[name] {
		for _, channel := range rule.Channels {
			next, ok := routes.Name(channel)
			switch {
			case !ok || seen[next]:
				continue
			case next == first:
				return []string{name, first}
			}
			seen[next] = true
			if way := k.around(first, next, seen); way != nil {
				return append([]string{name}, way...)
			}
		}
	}
	return nil
}

// RouteTable returns the routes of a valid configuration as they are asked; nil where
// there are none.
func (c *Config) RouteTable() *routes.Table {
	if len(c.Routes) == 0 {
		return nil
	}
	t := &routes.Table{Rules: map[string][]routes.Rule{}, Prices: map[string]routes.Prices{}, Zone: send.Zone(c.QuietHours.Zone)}
	for name, route := range c.Routes {
		for _, r := range route {
			t.Rules[name] = append(t.Rules[name], routes.Rule{Prefixes: r.Prefix, Hours: r.Hours, By: routes.By(r.By), Channels: r.Channels})
		}
	}
	for name, ch := range c.Channels {
		t.Prices[name] = routes.PricesOf(ch.Prices)
	}
	return t
}
