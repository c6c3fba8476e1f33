package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/bench/plugin/hostile"
	"github.com/carillonhq/carillon/plugins/email"
	"github.com/carillonhq/carillon/plugins/sink"
	"github.com/carillonhq/carillon/plugins/webhook"
	"github.com/carillonhq/carillon/sdk"
)

// shared is the broker that the tests of this package share, each with topics
// of its own.
var shared *broker.Broker

// TestMain lets this test binary be what the real one is as well: a plugin's
// process, and a broker's.
func TestMain(m *testing.M) {
	if args := os.Args[1:]; len(args) == 3 && args[0] == "plugin" && args[1] == "serve" {
		sdk.Serve(map[string]func() sdk.Channel{
			"email": email.New, "sink": sink.New, "webhook": webhook.New,
		}[args[2]])
		return
	}
	if args := os.Args[1:]; len(args) == 2 && args[0] == "hostile" {
		hostile.Serve(args[1])
		return
	}
	broker.ServeIfAsked()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "carillon-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		shared, err = startBroker(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer shared.Close()
	return m.Run()
}
