//go:build !integration

package rigtest

import "github.com/carillonhq/carillon/bench/rig"

// Broker is what tests run on that are the same on every broker: the embedded
// one, and with the build tag integration Apache Kafka.
const Broker = rig.Embedded
