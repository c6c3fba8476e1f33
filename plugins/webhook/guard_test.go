package webhook

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestGuard(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.215.14":          true,
		"2606:2800:21f:cb07::1":  true,
		"127.0.0.1":              false,
		"127.255.0.9":            false,
		"0.0.0.0":                false,
		"0.1.2.3":                false,
		"10.1.2.3":               false,
		"172.16.0.1":             false,
		"172.32.0.1":             true, // just outside
		"192.168.1.1":            false,
		"100.64.0.1":             false, // carrier-grade NAT
		"100.128.0.1":            true,  // just outside
		"169.254.169.254":        false, // cloud metadata
		"192.0.0.192":            false, // Oracle's
		"198.18.0.1":             false,
		"224.0.0.1":              false,
		"240.0.0.1":              false,
		"255.255.255.255":        false,
		"::":                     false,
		"::1":                    false,
		"fe80::1":                false,
		"fe80::1%eth0":           false,
		"fd00:ec2::254":          false, // AWS's metadata
		"fec0::1":                false,
		"ff02::1":                false,
		"::ffff:127.0.0.1":       false, // IPv4-mapped
		"::ffff:169.254.169.254": false,
		"::ffff:93.184.215.14":   true, // the same as without
		"::127.0.0.1":            false,
		"64:ff9b::7f00:1":        false, // NAT64 of 127.0.0.1
		"64:ff9b:1::a00:1":       false,
		"2002:7f00:1::":          false, // 6to4 of 127.0.0.1
		"2001:0:4136:e378::":     false, // Teredo
		"2001:db8::1":            false,
	} {
		if got := (guard{}).permits(netip.MustParseAddr(text)); got != want {
			t.Errorf("permits(%s) = %v, want %v", text, got, want)
		}
	}
}

func TestGuardAllows(t *testing.T) {
	g := guard{allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}}
	for text, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "fd12::1": true, "127.0.0.1": false,
	} {
		if got := g.permits(netip.MustParseAddr(text)); got != want {
			t.Errorf("with networks allowed, permits(%s) = %v, want %v", text, got, want)
		}
	}
	if !(guard{allowPrivate: true}).permits(netip.MustParseAddr("::1")) {
		t.Error("allow_private does not allow loopback")
	}
}

// TestRebinding is a name that resolves to a public address when it is checked
// and to a private one when it is dialled: whatever it is dialled with has
// been checked, and it is asked for only once.
func TestRebinding(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	asked := 0
	g := guard{lookup: func(context.Context, string, string) ([]netip.Addr, error) {
		asked++
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")}, nil
	}}
	if _, err := g.dial("rebind.example:"+port, time.Second); !errors.Is(err, errRefused) || asked != 1 {
		t.Errorf("dial: %v after %d lookups, want it refused after 1", err, asked)
	}
	g.allowed = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	conn, err := g.dial("rebind.example:"+port, time.Second)
	if err != nil || asked != 2 {
		t.Fatalf("dial: %v after %d lookups, want a connection to the one permitted address", err, asked)
	}
	conn.Close()
}

// TestNotations: what a resolver makes of odd notations of 127.0.0.1 is checked
// like a name.
func TestNotations(t *testing.T) {
	for _, host := range []string{"127.1", "2130706433", "0x7f000001", "0177.0.0.1"} {
		_, err := (guard{}).dial(net.JoinHostPort(host, "1"), time.Second)
		var dns *net.DNSError
		if !errors.Is(err, errRefused) && !errors.As(err, &dns) {
			t.Errorf("dial %s: %v, want it refused or not found", host, err)
		}
	}
}
