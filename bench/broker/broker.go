package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/carillonhq/carillon/bench/process"
)

// Options say where a broker keeps its data and how it is run.
type Options struct {
	// Dir takes the data and the log (broker.log). It is made if need be and
	// outlives the broker; a broker started on it again has the old data.
	Dir string
	// Port on 127.0.0.1. 0 chooses a free one.
	Port int
	// Heap bounds the Java heap of Apache Kafka, as -Xmx takes it. "" stands
	// for 512m.
	Heap string

	// Exe and Args are the command that calls Serve, for StartEmbedded alone:
	// "--data DIR --broker HOST:PORT" is added to Args. An empty Exe is this
	// program itself, which then has called ServeIfAsked.
	Exe  string
	Args []string
}

// Broker is a broker that was started here. Its methods may be called from
// several goroutines.
type Broker struct {
	name  string
	addr  string
	dir   string
	grace time.Duration    // from SIGTERM to SIGKILL
	limit time.Duration    // from start to the first answer
	start func() *exec.Cmd // a new command each time: one can run only once

	mu   sync.Mutex
	proc *process.Process // the last one started
}

// Addr returns the bootstrap address, "127.0.0.1:PORT". It stays the same over
// restarts.
func (b *Broker) Addr() string { return b.addr }

// Name says which broker it is, for reports: "Apache Kafka 4.1.1" or "kfake
// (embedded, a fake)".
func (b *Broker) Name() string { return b.name }

// PID returns the process id of the last process started.
func (b *Broker) PID() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.proc.PID()
}

// Kill ends the broker with SIGKILL, as a fault would, and returns when the
// process is gone. Killing a broker that is not running is no error.
func (b *Broker) Kill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.proc.Kill(); err != nil {
		return fmt.Errorf("killing the broker at %s: %w", b.addr, err)
	}
	return nil
}

// Restart starts the broker again on the same port and data, after ending it in
// good order if it still runs. It returns when the broker answers. ctx bounds
// the start, not the life.
func (b *Broker) Restart(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.proc != nil {
		if _, err := b.proc.Stop(b.grace); err != nil {
			return fmt.Errorf("stopping the broker at %s: %w", b.addr, err)
		}
	}
	if err := unused(b.addr); err != nil {
		return fmt.Errorf("starting %s: %w", b.name, err)
	}
	p, err := process.Launch(b.start(), b.logPath(), nil)
	if err != nil {
		return fmt.Errorf("starting %s at %s: %w", b.name, b.addr, err)
	}
	b.proc = p
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	if err := ready(ctx, p, b.addr); err != nil {
		return errors.Join(
			fmt.Errorf("starting %s at %s: %w; the end of %s:\n%s", b.name, b.addr, err, b.logPath(), tail(b.logPath())),
			p.Kill())
	}
	return nil
}

// Close ends the broker in good order, by force after a few seconds. The data
// stays. Closing twice is no error.
func (b *Broker) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.proc.Stop(b.grace); err != nil {
		return fmt.Errorf("closing the broker at %s: %w", b.addr, err)
	}
	return nil
}

func (b *Broker) logPath() string { return filepath.Join(b.dir, "broker.log") }

// open makes the directory and starts the broker for the first time.
func (b *Broker) open(ctx context.Context) (*Broker, error) {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the broker's directory: %w", err)
	}
	if err := b.Restart(ctx); err != nil {
		return nil, err
	}
	return b, nil
}
