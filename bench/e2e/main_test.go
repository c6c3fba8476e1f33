package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/plugins/email"
	"github.com/carillonhq/carillon/plugins/sink"
	"github.com/carillonhq/carillon/plugins/webhook"
	"github.com/carillonhq/carillon/sdk"
)

// TestMain lets this test binary be what the real one is as well: a plugin's
// process, and a broker's.
func TestMain(m *testing.M) {
	switch args := os.Args[1:]; {
	case len(args) == 3 && args[0] == "plugin" && args[1] == "serve":
		sdk.Serve(map[string]func() sdk.Channel{
			"email": email.New, "sink": sink.New, "webhook": webhook.New,
		}[args[2]])
	case len(args) > 0 && args[0] == "broker":
		if err := serveBroker(args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

func serveBroker(args []string) error {
	flags := flag.NewFlagSet("broker", flag.ContinueOnError)
	dir := flags.String("data", "", "directory")
	addr := flags.String("broker", "", "HOST:PORT")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return broker.Serve(ctx, *dir, *addr, zerolog.New(os.Stderr))
}
