// Carillon sends business messages from Kafka to every channel. This is its one
// binary: the engine, dev mode, the bundled channels, and the tools for those
// who publish, read and operate.
//
// A file per command. root.go has the tree, exit.go the exit codes, kafka.go
// what the commands that talk to a cluster share.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(mainCode()) }

// mainCode is main for tests, which need the code.
func mainCode() int {
	ctx, stop := interruptible(os.Stderr)
	defer stop()
	return execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// interruptible ends the context at the first SIGINT or SIGTERM. The second
// ends the process at once.
func interruptible(stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		fmt.Fprintln(stderr, "carillon: stopped at once")
		os.Exit(codeInterrupted)
	}()
	return ctx, cancel
}
