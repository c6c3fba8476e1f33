//go:build integration

package e2e

import (
	"context"

	"github.com/carillonhq/carillon/bench/broker"
)

func startBroker(ctx context.Context, dir string) (*broker.Broker, error) {
	return broker.StartKafka(ctx, broker.Options{Dir: dir})
}
