package chaos

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/plugins/sink"
	"github.com/carillonhq/carillon/sdk"
)

// TestMain lets this test binary be what the real one is as well: a node, a
// plugin's process, and a broker's.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch args := os.Args[1:]; args[0] {
		case "plugin":
			sdk.Serve(sink.New)
			return
		case "run":
			end(serveNode(args[2]))
		case "broker":
			end(serve(func(ctx context.Context) error { return broker.Serve(ctx, args[2], args[4], zerolog.New(os.Stderr)) }))
		}
	}
	os.Exit(m.Run())
}

func serveNode(path string) error {
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	return serve(engine.New(cfg, zerolog.New(os.Stderr).With().Timestamp().Logger()).Run)
}

func serve(run func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return run(ctx)
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
