//go:build !integration

package e2e

import (
	"context"

	"github.com/carillonhq/carillon/bench/broker"
)

// startBroker starts the embedded broker. With the build tag integration it is
// Apache Kafka, and every test of this package runs on that.
func startBroker(ctx context.Context, dir string) (*broker.Broker, error) {
	return broker.StartEmbedded(ctx, broker.Options{Dir: dir})
}
