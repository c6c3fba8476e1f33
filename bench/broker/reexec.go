package broker

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"
)

// askedEnv is set for a process that ServeIfAsked turns into a broker.
const askedEnv = "CARILLON_EMBEDDED_BROKER"

// ServeIfAsked turns this process into an embedded broker if StartEmbedded
// started it for that, and does not return then; otherwise it does nothing.
// Called first in TestMain, it gives a test binary a broker in a process of its
// own with nothing to build: Options.Exe may then be left empty.
func ServeIfAsked() {
	if os.Getenv(askedEnv) == "" {
		return
	}
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(args []string) error {
	flags := flag.NewFlagSet("broker", flag.ContinueOnError)
	dir := flags.String("data", "", "directory")
	addr := flags.String("broker", "", "HOST:PORT")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return Serve(ctx, *dir, *addr, zerolog.New(os.Stderr).With().Timestamp().Logger())
}
