package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/carillonhq/carillon/bench/broker"
	"github.com/carillonhq/carillon/engine"
)

type devFlags struct{ data, broker, http, smtp, webhook string }

func newDev() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run all of Carillon on this machine, with nothing else to install",
		Long: `Run all of Carillon in one process: a broker that speaks Kafka, the engine, a
mail server and a webhook receiver that keep what arrives, and a page that
shows it. It prints what runs where, and what to try.

The broker is a fake for development (franz-go's kfake), not Kafka: one node, no
replication, no sync to disk. Mail goes nowhere. All ports are open to whoever
reaches them, so keep them on this machine. The configuration is that of
configs/dev.yaml.

All data is in one directory: what was published is still there after a restart,
also after a kill. Delete the directory to begin anew. The inbox alone is kept
in memory.

A port of 0 takes a free one. Ctrl-C stops it in order, twice at once.`,
		Example: `  carillon dev
  carillon dev --data /tmp/carillon --broker 127.0.0.1:19092 --http 127.0.0.1:0`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDev(cmd, f) },
	}
	cmd.Flags().StringVar(&f.data, "data", "./carillon-data", "directory of all data")
	cmd.Flags().StringVar(&f.broker, "broker", "127.0.0.1:9092", "address of the embedded broker")
	cmd.Flags().StringVar(&f.http, "http", "127.0.0.1:8080", "address of the page, the metrics and the health checks")
	cmd.Flags().StringVar(&f.smtp, "smtp", "127.0.0.1:2525", "address of the mail server; if it is in use, a free port is taken")
	cmd.Flags().StringVar(&f.webhook, "webhook", "127.0.0.1:8090", "address of the webhook receiver; if it is in use, a free port is taken")
	cmd.AddCommand(newDevInbox())
	return cmd
}

// runDev runs until the command's context ends or a part of it does: what is
// built on top of others is stopped before them.
func runDev(cmd *cobra.Command, f devFlags) error {
	d, err := prepareDev(cmd, &f)
	if err != nil {
		return err
	}
	defer d.inbox.close()
	log := newLog(d.cfg.Log, cmd.ErrOrStderr())
	serving, stopBroker := context.WithCancel(context.WithoutCancel(cmd.Context()))
	broken := make(chan error, 1)
	go func() {
		broken <- broker.Serve(serving, filepath.Join(f.data, "broker"), f.broker, quiet(log, "broker"))
	}()
	running, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	ended := make(chan error, 1)
	go func() { // a broker that ends by itself takes the rest along
		err := <-broken
		stop(err)
		ended <- err
	}()
	err = d.runEngine(running, cmd, log)
	stopBroker()
	if cause := <-ended; cause != nil {
		return cause
	}
	return err
}

// quiet leaves of a part's log what is worth a look.
func quiet(log zerolog.Logger, part string) zerolog.Logger {
	return log.Level(zerolog.WarnLevel).With().Str("part", part).Logger()
}

// runEngine runs the engine, and tells what to try once it is ready.
func (d *devMode) runEngine(ctx context.Context, cmd *cobra.Command, log zerolog.Logger) error {
	if !awaitListener(ctx, d.flags.broker) {
		return nil // the broker's own error says why, or it was interrupted
	}
	e := engine.New(d.cfg, log)
	d.inbox.serveOn(e)
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-e.Ready():
		d.welcome(cmd.OutOrStdout())
	}
	err := <-done
	if err == nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "carillon dev has stopped; its data is in "+d.flags.data)
	}
	return err
}

// pickAddr makes port 0 a free port, and says in one sentence where the
// address can't be listened at.
func pickAddr(flag, addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		picked := l.Addr().String()
		return picked, l.Close()
	}
	var op *net.OpError
	var wrong *net.AddrError
	switch {
	case isInUse(err):
		return "", fmt.Errorf("%s is in use: is another `carillon dev` running? Stop it, or take another port: %s 127.0.0.1:0 finds a free one", addr, flag)
	case errors.As(err, &wrong):
		return "", usagef("%s %q is no address: give it as HOST:PORT, such as 127.0.0.1:0", flag, addr)
	case errors.As(err, &op):
		return "", fmt.Errorf("%s %s can't be listened at: %w; take an address of this machine, such as 127.0.0.1:0", flag, addr, op.Err)
	}
	return "", err
}

// makeDir makes the data directory and returns its full path.
func makeDir(dir string) (string, error) {
	full, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(full, 0o755)
	}
	if err != nil {
		return "", fmt.Errorf("make the data directory: %w; name another one with --data", err)
	}
	return full, nil
}
