package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"
	"github.com/rs/zerolog"
)

const (
	// terminateGrace is the time between SIGTERM and SIGKILL.
	terminateGrace = time.Second
	// pipeGrace is how long the last output of an ended process is read. A
	// grandchild that left the group may hold the pipe open for ever.
	pipeGrace = 500 * time.Millisecond
)

var _ runner.Runner = (*process)(nil)

// process is one child process in a group of its own, as the runner that
// go-plugin wants. It is started once.
type process struct {
	cmd       *exec.Cmd
	out       *output
	handshake *io.PipeReader // what go-plugin reads: the first line alone
	offer     *io.PipeWriter
	exited    chan struct{}  // closed when it has ended and its group is killed
	pumps     sync.WaitGroup // the goroutines that read its output

	mu        sync.Mutex
	line      string // the first one on its standard output
	pid       int    // 0 until started
	killed    bool   // by us; also: never start
	reaped    bool   // its group's id may belong to others by now
	hadOutput bool
}

func newProcess(cmd *exec.Cmd, out *output) *process {
	p := &process{cmd: cmd, out: out, exited: make(chan struct{})}
	p.handshake, p.offer = io.Pipe()
	return p
}

// Start starts the process. The context bounds nothing: kill does.
func (p *process) Start(context.Context) error {
	outR, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		return errors.Join(err, outR.Close(), outW.Close())
	}
	p.cmd.Stdout, p.cmd.Stderr = outW, errW
	p.pumps.Go(func() { p.pumpStdout(outR) })
	p.pumps.Go(func() { p.pump("stderr", errR, errR) })
	started := make(chan error)
	spendThread(func() {
		defer close(p.exited)
		err := p.start()
		_, _ = outW.Close(), errW.Close() // the child has its own; EOF needs ours gone
		started <- err
		if err == nil {
			p.await()
		}
		_ = outR.SetReadDeadline(time.Now().Add(pipeGrace))
		_ = errR.SetReadDeadline(time.Now().Add(pipeGrace))
	})
	return <-started
}

// spendThread runs f on a goroutine with a thread of its own, which ends with
// f. Linux sends a child its death signal when the thread ends that started it,
// and a thread that has restricted itself must not be used again. The main
// thread would not end, and its restrictions would show as the whole engine's.
func spendThread(f func()) {
	bound := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if onMainThread() {
			spendThread(f) // while this goroutine keeps the main thread busy
			runtime.UnlockOSThread()
			close(bound)
			return
		}
		close(bound)
		f()
	}()
	<-bound
}

// start must run in spendThread, until the process has ended.
func (p *process) start() error {
	if err := restrictThread(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return errors.New("told to stop before it started")
	}
	p.cmd.SysProcAttr = groupAttributes()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.pid = p.cmd.Process.Pid
	return nil
}

// await waits for the end and takes the rest of the group along.
func (p *process) await() {
	awaitExit(p.cmd)
	p.mu.Lock()
	defer p.mu.Unlock()
	killGroup(p.pid)
	_ = p.cmd.Wait() // how it ended is in cmd.ProcessState
	p.reaped = true
}

// kill ends the group at once. A process that has not started never will.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.pid != 0 && !p.reaped {
		killGroup(p.pid)
	}
}

// Kill asks the group to end, and ends it a second later. go-plugin calls it
// when the plugin has not left by itself.
func (p *process) Kill(context.Context) error {
	p.mu.Lock()
	if p.pid != 0 && !p.reaped {
		terminateGroup(p.pid)
	}
	p.mu.Unlock()
	select {
	case <-p.exited:
	case <-time.After(terminateGrace):
		p.kill()
	}
	return nil
}

// Wait returns when the process has ended and its output is logged.
func (p *process) Wait(context.Context) error {
	<-p.exited
	p.pumps.Wait()
	return nil
}

// pumpStdout passes the first line on to go-plugin and logs the others. When
// there is none it waits a moment for the exit, which says why.
func (p *process) pumpStdout(r *os.File) {
	first := bufio.NewReaderSize(r, maxHandshake)
	line, _ := first.ReadSlice('\n')
	p.mu.Lock()
	p.line = strings.TrimSpace(string(line))
	p.hadOutput = len(line) > 0
	p.mu.Unlock()
	if len(line) > 0 {
		_, _ = io.WriteString(p.offer, p.line+"\n")
	} else {
		select {
		case <-p.exited:
		case <-time.After(pipeGrace):
		}
	}
	_ = p.offer.Close()
	p.pump("stdout", first, r)
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

func (p *process) pump(name string, from io.Reader, r *os.File) {
	defer r.Close()
	to := p.out.stream(zerolog.InfoLevel, name)
	defer to.flush()
	_, _ = io.Copy(to, from) // ends at EOF or at the deadline after the exit
}

// firstLine is what the process printed first, and whether it printed at all.
func (p *process) firstLine() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line, p.hadOutput
}

// ending says how the process ended: "exit status 2", "signal: killed". byItself
// is false where it still runs or a signal ended it.
func (p *process) ending() (how string, byItself bool) {
	select {
	case <-p.exited:
	default:
		return "still running", false
	}
	state := p.cmd.ProcessState
	if state == nil {
		return "never started", false
	}
	return state.String(), state.Exited()
}

func (p *process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return "" // tells go-plugin that there is nothing to kill
	}
	return strconv.Itoa(p.pid)
}

func (p *process) Name() string                    { return p.cmd.Path }
func (p *process) Diagnose(context.Context) string { return "" }
func (p *process) Stdout() io.ReadCloser           { return p.handshake }

// Stderr is empty for go-plugin, which would log it as it is.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(eof{}) }

// PluginToHost refuses an address that is not on this machine: the plugin
// names it, and the engine would send everything there.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	host, _, err := net.SplitHostPort(address)
	if network == "tcp" && (err != nil || !net.ParseIP(host).IsLoopback()) {
		return "", "", fmt.Errorf("it listens on %s, not on this machine's loopback", address)
	}
	return network, address, nil
}

func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
