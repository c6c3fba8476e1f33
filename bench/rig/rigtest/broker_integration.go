//go:build integration

package rigtest

import "github.com/carillonhq/carillon/bench/rig"

// Broker is Apache Kafka: see the other file.
const Broker = rig.Kafka
