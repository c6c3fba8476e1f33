package broker

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// FreePorts returns n ports on 127.0.0.1 that nobody listens on right now.
//
// They lie below the range from which systems take the source ports of
// outgoing connections (32768 and up on Linux, 49152 by RFC 6335). A port from
// that range could be taken by a client while its broker is down, and a client
// that tries it again and again can even connect to itself.
func FreePorts(n int) ([]int, error) {
	const low, high, tries = 15000, 32000, 200
	var ports []int
	for range tries {
		port := low + rand.IntN(high-low)
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		defer l.Close() // kept until all are found, so that they differ
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("finding a free port: %d tries on 127.0.0.1 between %d and %d found only %d of %d",
		tries, low, high, len(ports), n)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// unused returns an error if something listens on addr. Without asking first,
// another broker there would be taken for the one that was just started.
func unused(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w: choose another port, or 0 for a free one", err)
	}
	return l.Close()
}
