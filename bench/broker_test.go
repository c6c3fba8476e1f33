//go:build !integration

package bench

import (
	"context"

	"github.com/carillonhq/carillon/bench/broker"
)

// startBroker starts the embedded broker; with the build tag integration it is
// Apache Kafka, and everything here runs on that.
func startBroker(ctx context.Context, dir string) (*broker.Broker, error) {
	return broker.StartEmbedded(ctx, broker.Options{Dir: dir})
}
