package rig

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/carillonhq/carillon/bench/broker"
)

// The brokers that are started here; anything else is the address of one that
// runs.
const (
	Embedded = "embedded" // kfake, a fake of Kafka
	Kafka    = "kafka"    // Apache Kafka: needs Java 17, and Maven once
)

// Broker is what a run has its topics on.
type Broker struct {
	// Addr is HOST:PORT, and Name says which broker it is.
	Addr, Name string
	// Own is nil where the broker was not started here.
	Own *broker.Broker
}

// CheckBroker says whether kind names a broker that OpenBroker can open.
func CheckBroker(kind string) error {
	if kind == Embedded || kind == Kafka {
		return nil
	}
	if host, port, err := net.SplitHostPort(kind); err != nil || host == "" || port == "" {
		return fmt.Errorf("broker: %q is none; give embedded, kafka, or HOST:PORT", kind)
	}
	return nil
}

// OpenBroker starts the broker of a kind (Embedded, Kafka) with its data and log
// in dir, or returns the one at an address. command is carillon: a program, and
// what goes before its arguments.
func OpenBroker(ctx context.Context, kind, dir string, command []string) (Broker, error) {
	b := Broker{Addr: kind, Name: kind}
	err := CheckBroker(kind)
	switch {
	case err != nil:
	case kind == Embedded:
		b.Own, err = broker.StartEmbedded(ctx, broker.Options{
			Dir: dir, Exe: command[0], Args: slices.Concat(command[1:], []string{"broker"}),
		})
	case kind == Kafka:
		b.Own, err = broker.StartKafka(ctx, broker.Options{Dir: dir, Heap: "1g"})
	default:
		err = answers(ctx, kind)
	}
	if err == nil && b.Own != nil {
		b.Addr, b.Name = b.Own.Addr(), b.Own.Name()
	}
	return b, err
}

// answers says whether somebody listens: a client would try for long, and then
// not say that.
func answers(ctx context.Context, addr string) error {
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("connect to the broker: %w; does it run, and is that its address?", err)
	}
	return conn.Close()
}

// Processes returns the broker's process, where it was started here.
func (b Broker) Processes() []Watched {
	if b.Own == nil {
		return nil
	}
	return []Watched{{Role: "broker", Name: "broker", PID: b.Own.PID()}}
}

// Close ends a broker that was started here. The data stays.
func (b Broker) Close() error {
	if b.Own == nil {
		return nil
	}
	return b.Own.Close()
}
