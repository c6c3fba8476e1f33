package webhook

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// errRefused is the error of a host that has no address we may connect to.
var errRefused = errors.New("the host's addresses are private or special")

// guard keeps a recipient's URL from reaching what only we can reach. It
// decides on the address that is dialled and not on the name, which may
// resolve to something else each time.
type guard struct {
	allowPrivate bool
	allowed      []netip.Prefix
	// lookup replaces the system's resolver in tests.
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// special lists the blocks that are not global unicast by the IANA registries
// of special-purpose addresses (RFC 6890), besides those that netip knows by a
// method; and the ways to wrap an IPv4 address into an IPv6 one, which a
// translator on the way would unwrap.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT, RFC 6598
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relay
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("::/96"),           // IPv4-compatible
	netip.MustParsePrefix("64:ff9b::/96"),    // NAT64, RFC 6052
	netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64 of local use, RFC 8215
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("3fff::/20"),       // documentation
	netip.MustParsePrefix("5f00::/16"),       // segment routing
	netip.MustParsePrefix("fec0::/10"),       // site-local
}

// permits says whether the address may be connected to.
func (g guard) permits(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	inside := func(p netip.Prefix) bool { return p.Contains(ip) }
	if g.allowPrivate || slices.ContainsFunc(g.allowed, inside) {
		return true
	}
	// IsGlobalUnicast is false for loopback, link-local (where clouds serve
	// their credentials), multicast, unspecified and broadcast addresses.
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(special, inside)
}

// dial connects to the first permitted address of a host that answers, and to
// no other: the name is not resolved again.
func (g guard) dial(addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ips, err := g.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	ips = slices.DeleteFunc(ips, func(ip netip.Addr) bool { return !g.permits(ip) })
	err = errRefused
	deadline, _ := ctx.Deadline()
	for i, ip := range ips {
		// A share of the time for each, so that a dead one leaves some.
		share := net.Dialer{Timeout: time.Until(deadline) / time.Duration(len(ips)-i)}
		var conn net.Conn
		if conn, err = share.DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port)); err == nil {
			return newConn(conn), nil
		}
	}
	return nil, err
}

// resolve takes an address as it is, in the one notation that it has; what
// only looks like one ("127.1", "0x7f000001") is left to the resolver, and its
// answer is checked like any other.
func (g guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	if g.lookup != nil {
		return g.lookup(ctx, "ip", host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
