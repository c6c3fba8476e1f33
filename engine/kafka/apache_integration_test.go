//go:build integration

package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	brokers "github.com/carillonhq/carillon/bench/broker"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "carillon-kafka-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// One for all tests: starting it takes seconds.
	stop := func() error { return nil }
	apache := sync.OnceValues(func() (*brokers.Broker, error) {
		b, err := brokers.StartKafka(context.Background(), brokers.Options{Dir: dir})
		if err == nil {
			stop = b.Close
		}
		return b, err
	})
	startApache = func(t *testing.T) []string {
		b, err := apache()
		if err != nil {
			t.Fatal(err)
		}
		return []string{b.Addr()}
	}
	code := m.Run()
	if err := errors.Join(stop(), os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}
