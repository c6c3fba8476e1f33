package bench

import (
	"flag"
	"testing"

	"github.com/carillonhq/carillon/bench/rig/rigtest"
)

var (
	sends  = flag.Int("sends", 200_000, "sends of a round")
	rounds = flag.Int("rounds", 3, "rounds of each, in turn")
)

func TestMain(m *testing.M) { rigtest.Main(m, nil) }
