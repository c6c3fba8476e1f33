package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/plugins/sink"
	"github.com/carillonhq/carillon/sdk"
)

var (
	sends    = flag.Int("sends", 200_000, "sends of a round")
	rounds   = flag.Int("rounds", 3, "rounds of engine and yardstick each, in turn")
	profiles = flag.String("profiles", "", "run the engine once more, and write its CPU and allocation profiles to this directory")
)

// TestMain lets this test binary be every process that takes part.
func TestMain(m *testing.M) {
	broker.ServeIfAsked()
	switch args := os.Args[1:]; {
	case len(args) == 3 && args[0] == "plugin" && args[2] == "sink":
		sdk.Serve(map[string]func() sdk.Channel{"sink": sink.New}[args[2]])
	case len(args) == 2 && args[0] == "engine":
		end(serveEngine(args[1]))
	case len(args) == 5 && args[0] == "copy":
		end(serveCopy(args[1], args[2], args[3], args[4]))
	default:
		os.Exit(m.Run())
	}
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
