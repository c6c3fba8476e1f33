// Package plugin starts one channel plugin, as the engine does and in ways that
// the engine never does, for who examines or measures it: the conformance kit
// and the benchmark of a plugin.
package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/engine/host"
	"github.com/carillonhq/carillon/sdk/conform"
)

var (
	_ conform.Process  = (*Executable)(nil)
	_ conform.Plugin   = (*Running)(nil)
	_ conform.Measured = (*Running)(nil)
)

// Executable is a plugin's program. Its methods may be called from any
// goroutine.
type Executable struct {
	spec host.Spec
	path string // of what is started
	log  zerolog.Logger
	out  printed
}

// New finds the program at path, or takes the running binary where path is
// empty. Its checksum is that of now: another file in its place is not started.
func New(path string, args []string, log zerolog.Logger) (*Executable, error) {
	e := &Executable{log: log, path: path, spec: host.Spec{Name: "plugin", Args: args}}
	var err error
	if path == "" {
		if e.path, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find the running binary: %w", err)
		}
	} else {
		if e.path, err = filepath.Abs(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if e.spec.SHA256, err = host.Checksum(e.path); err != nil {
			return nil, fmt.Errorf("read the plugin: %w; give the path of its executable", err)
		}
		e.spec.Name, e.spec.Path = filepath.Base(path), e.path
	}
	e.spec.Tap = &e.out
	return e, nil
}

// Running is one life of the plugin.
type Running struct{ *host.Alone }

// Start starts it as the engine does, with no account.
func (e *Executable) Start(ctx context.Context) (conform.Plugin, error) {
	a, err := host.Start(ctx, e.spec, e.log)
	if err != nil {
		return nil, err
	}
	return &Running{a}, nil
}

// Resident returns the bytes of memory that it takes now, without its children.
func (r *Running) Resident() (int64, error) {
	if !process.Measurable {
		return 0, errors.ErrUnsupported
	}
	used, err := process.Usage(r.PID())
	return used.Resident, err
}

// ByHand starts it with an empty environment and waits for its end.
func (e *Executable) ByHand(ctx context.Context) (string, int, error) {
	cmd := exec.CommandContext(ctx, e.path, e.spec.Args...)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	cmd.WaitDelay = time.Second // a child may hold its output open
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	_, _ = e.out.Write(out.Bytes())
	if ctx.Err() != nil {
		return "", 0, ctx.Err()
	}
	if exited := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exited) {
		return "", 0, err
	}
	return out.String(), cmd.ProcessState.ExitCode(), nil
}

// Printed returns the beginning of what it printed in all its lives.
func (e *Executable) Printed() (string, int64) { return e.out.read() }

// printed keeps the first bytes, and counts all.
type printed struct {
	mu    sync.Mutex
	kept  []byte
	bytes int64
}

const mostKept = 4 << 20

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes += int64(len(b))
	p.kept = append(p.kept, b[:min(len(b), mostKept-len(p.kept))]...)
	return len(b), nil
}

func (p *printed) read() (string, int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.kept), p.bytes
}
