package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"time"
)

// process is one run of a node.
type process struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed once it is reaped
	wanted atomic.Bool   // its end was asked for
}

// launch starts cmd with its log appended to the file at logPath. ended is
// called once if the process ends without having been asked to.
func launch(cmd *exec.Cmd, logPath string, ended func(*os.ProcessState)) (*process, error) {
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the node's log: %w", err)
	}
	defer out.Close() // the child has its own copy
	cmd.Stdout, cmd.Stderr = out, out
	endWithParent(cmd)
	p := &process{cmd: cmd, done: make(chan struct{})}
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
		if !p.wanted.Load() {
			ended(cmd.ProcessState)
		}
	}()
	return p, <-started
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends the process by force and returns when it is reaped.
func (p *process) kill() error {
	p.wanted.Store(true)
	if err := p.signal(os.Kill); err != nil {
		return err
	}
	<-p.done
	return nil
}

// terminate asks the process to end, and kills it after grace. clean says that
// it ended by itself and with exit code 0.
func (p *process) terminate(grace time.Duration) (clean bool, err error) {
	p.wanted.Store(true)
	if err := p.signal(sigTerm); err != nil {
		return false, err
	}
	select {
	case <-p.done:
		return p.cmd.ProcessState.Success(), nil
	case <-time.After(grace):
		return false, p.kill()
	}
}

func (p *process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %v to process %d: %w", s, p.cmd.Process.Pid, err)
	}
	return nil
}
