package shard

import (
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/routes"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// resolveRoutes puts channels in the place of routes, once. It goes by when the send
// is due and not by the time that it is: a new owner that takes the record in again
// comes to the same, and does not try another channel beside one that was tried. Of
// a send that is parked, its row has the channels.
func (s *Shard) resolveRoutes(it *item, now time.Time) {
	due := it.dueFirst()
	if fault.Mutant(fault.RouteByTheClock) {
		due = now
	}
	it.Send.Channels = s.cfg.Routes.Resolve(it.Send, due)
}

// route returns the first usable of the send's channels: it is configured, has
// an account for the app, and the recipient has an address for it. A send that
// was tried stays with its channel while that is usable, also after that where an
// answer was lost, and comes back to none that it has done with. Where none is
// usable, the reason is the first channel's.
//
// A channel whose plugin has not yet said what addresses it takes counts as
// usable, with no address: the send waits for it. One by which nothing may go to
// the recipient is not usable.
func (s *Shard) route(it *item, now time.Time) (Lane, *channelv1.Address, *carillonv1.Reason) {
	if len(it.Send.Channels) == 0 {
		return nil, nil, why("route", codeNoChannel)
	}
	it.checked = s.suppressions()
	if why := s.suppressed(it, "", nil, now); why != nil {
		return nil, nil, why
	}
	var tried, first *carillonv1.Reason // what is wrong with the channel that tried it, and with the first
	if it.channel != "" && !it.gaveUp(it.channel) {
		way, address, fault := s.usable(it.channel, it, now)
		if fault == nil || it.unknown > 0 && !s.goesOn(it, "unknown") {
			return way, address, fault
		}
		if it.made > it.before() {
			tried, first = fault, fault
		}
	}
	for _, name := range it.Send.Channels {
		if it.gaveUp(name) || tried != nil && name == it.channel {
			continue
		}
		way, address, fault := s.usable(name, it, now)
		if fault == nil {
			it.passNoMore(name)
			if tried != nil {
				it.giveUp(tried)
				it.failed, it.unknown = 0, 0
			}
			return way, address, nil
		}
		it.passOver(name, fault)
		if first == nil {
			first = fault
		}
	}
	if first == nil { // it has done with all
		first = why("route", codeNoChannel)
	}
	return nil, nil, first
}

func (s *Shard) usable(channel string, it *item, now time.Time) (Lane, *channelv1.Address, *carillonv1.Reason) {
	way, code := s.account(channel, it, now)
	if way == nil {
		if name, ok := routes.Name(channel); ok {
			code = s.codeOfRoute(name)
		}
		return nil, nil, why("route", code)
	}
	about := way.About()
	if about == nil {
		return way, nil, nil
	}
	address := &it.address
	if !send.AddressInto(address, it.Send.To, about.AddressKind) {
		return nil, nil, why("recipient", codeNoAddress)
	}
	if send.CheckAddress(about.AddressKind, address.Value) != nil {
		return nil, nil, why("recipient", codeBadAddress)
	}
	if why := s.suppressed(it, channel, address, now); why != nil {
		return nil, nil, why
	}
	return way, address, nil
}

// codeOfRoute says why a route stands for no channel.
func (s *Shard) codeOfRoute(name string) string {
	if s.cfg.Routes != nil && s.cfg.Routes.Rules[name] != nil {
		return codeNoRule
	}
	return codeUnknownRoute
}
