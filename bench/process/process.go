// Package process starts the processes of a run on one machine (nodes, brokers,
// yardsticks), ends them, and reads what they use. On Linux a child ends with
// its parent, however that ends; elsewhere one that was killed leaves its
// children behind.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is a child that was started. Its methods may be called from several
// goroutines.
type Process struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed once it is reaped
	wanted atomic.Bool   // its end was asked for
}

// Launch starts cmd in a process group of its own, so that Ctrl-C is for the
// parent alone, with its output appended to the file at log. ended (nil for
// nobody) is called once if the process ends without having been asked to.
func Launch(cmd *exec.Cmd, log string, ended func(*os.ProcessState)) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", cmd.Path, err)
	}
	defer out.Close() // the child has its own copy
	cmd.Stdout, cmd.Stderr = out, out
	endWithParent(cmd)
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The death signal of Linux is bound to the thread that started the
		// child: hold it for as long as the child lives.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // ProcessState keeps what it says
		close(p.done)
		if !p.wanted.Load() && ended != nil {
			ended(cmd.ProcessState)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID returns the process id, which may be another's once this one has ended.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// State says how the process ended. It is to be asked after Done alone.
func (p *Process) State() *os.ProcessState { return p.cmd.ProcessState }

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill ends the process by force and returns when it is reaped.
func (p *Process) Kill() error {
	p.wanted.Store(true)
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Stop asks the process to end, kills it after grace, and returns when it is
// reaped. clean says that it ended by itself and with exit code 0.
func (p *Process) Stop(grace time.Duration) (clean bool, err error) {
	p.wanted.Store(true)
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return false, err
	}
	force := time.NewTimer(grace)
	defer force.Stop()
	select {
	case <-p.done:
		return p.cmd.ProcessState.Success(), nil
	case <-force.C:
		return false, p.Kill()
	}
}

// Signal signals the process alone, not its group. One that has ended is no
// error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %v to process %d: %w", s, p.PID(), err)
	}
	return nil
}
