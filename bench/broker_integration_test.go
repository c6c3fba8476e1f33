//go:build integration

package bench

import (
	"context"

	"github.com/carillonhq/carillon/bench/broker"
)

func startBroker(ctx context.Context, dir string) (*broker.Broker, error) {
	return broker.StartKafka(ctx, broker.Options{Dir: dir, Heap: "1g"})
}
