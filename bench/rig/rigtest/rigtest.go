// Package rigtest lets a test binary be every process of a run: with it, tests
// start brokers, nodes and plugins with nothing to build.
package rigtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/plugins/email"
	"github.com/carillonhq/carillon/plugins/sink"
	"github.com/carillonhq/carillon/plugins/webhook"
	"github.com/carillonhq/carillon/sdk"
)

// Main runs the tests, or what the command line asks for as carillon's would:
// "run --config FILE" is a node, "plugin serve NAME" a plugin's process,
// "broker --data DIR --broker HOST:PORT" a broker's. roles are others, by the
// first argument; they get those after it, and a context that SIGTERM ends.
// Call it as the whole of TestMain.
func Main(m *testing.M, roles map[string]func(ctx context.Context, args []string) error) {
	if len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	role, args := os.Args[1], os.Args[2:]
	switch serve := roles[role]; {
	case serve != nil:
		end(serve, args)
	case role == "plugin" && len(args) == 2 && bundled[args[1]] != nil:
		sdk.Serve(bundled[args[1]])
	case role == "run":
		end(node, args)
	case role == "broker":
		end(serveBroker, args)
	default:
		os.Exit(m.Run())
	}
}

// bundled are the channels that nodes of tests can have.
var bundled = map[string]func() sdk.Channel{"email": email.New, "sink": sink.New, "webhook": webhook.New}

// Command returns this binary as the command that a rig starts processes with.
func Command(t testing.TB) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{exe}
}

func end(serve func(context.Context, []string) error, args []string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func node(ctx context.Context, args []string) error {
	if len(args) != 2 || args[0] != "--config" {
		return errors.New("give run --config FILE")
	}
	cfg, err := config.Load(args[1])
	if err != nil {
		return err
	}
	level, err := zerolog.ParseLevel(cfg.Log.Level)
	if err != nil {
		return err
	}
	return engine.New(cfg, zerolog.New(os.Stderr).Level(level).With().Timestamp().Logger()).Run(ctx)
}

func serveBroker(ctx context.Context, args []string) error {
	if len(args) != 4 || args[0] != "--data" || args[2] != "--broker" {
		return errors.New("give broker --data DIR --broker HOST:PORT")
	}
	return broker.Serve(ctx, args[1], args[3], zerolog.New(os.Stderr).With().Timestamp().Logger())
}
