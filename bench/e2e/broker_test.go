//go:build !integration

package e2e

import (
	"os"
	"testing"

	"github.com/carillonhq/carillon/bench/broker"
)

// startBroker starts the embedded broker; with the build tag integration it is
// Apache Kafka, and every test of this package runs on that.
func startBroker(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.StartEmbedded(t.Context(), broker.Options{Dir: t.TempDir(), Exe: os.Args[0], Args: []string{"broker"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}
