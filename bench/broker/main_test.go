package broker

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
)

// serveEnv turns the test binary into a broker, so that tests have one in a
// process of its own without building anything.
const serveEnv = "BROKER_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveEnv) != "" {
		if err := serve(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
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
	return Serve(ctx, *dir, *addr, zerolog.New(os.Stderr))
}

// embedded are the options of an embedded broker that is this test binary.
func embedded(dir string) Options {
	return Options{Dir: dir, Exe: os.Args[0], Env: []string{serveEnv + "=1"}}
}

func startEmbedded(t *testing.T, dir string) *Broker {
	t.Helper()
	b, err := StartEmbedded(t.Context(), embedded(dir))
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, b)
	return b
}

func closeAfter(t *testing.T, b *Broker) {
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}
