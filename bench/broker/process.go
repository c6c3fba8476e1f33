package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
)

// process is a child that has been started. done is closed once it is reaped.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// launch starts cmd with its output appended to the file at logPath.
func launch(cmd *exec.Cmd, logPath string) (*process, error) {
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the broker's log: %w", err)
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
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// stop asks the process to end, kills it after grace (at once if 0), and
// returns when it is reaped.
func (p *process) stop(grace time.Duration) error {
	if p.exited() {
		return nil
	}
	if grace > 0 {
		if err := p.signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(grace):
		}
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %s to process %d: %w", s, p.cmd.Process.Pid, err)
	}
	return nil
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ready returns when the broker at addr answers a metadata request with a
// broker in it (Apache Kafka answers with none until it is registered), and
// fails at once when the process ends.
func (p *process) ready(ctx context.Context, addr string) error {
	poll := time.NewTicker(25 * time.Millisecond)
	defer poll.Stop()
	for {
		err := ask(ctx, addr)
		if err == nil && !p.exited() {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended (%s)", p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in time: %w; the last try: %w", context.Cause(ctx), err)
		case <-poll.C:
		}
	}
}

// ask makes one metadata request on a connection of its own. kafka-go's Client
// would wait for seconds after a refused connection before it tries again.
func ask(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := kafka.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	brokers, err := conn.Brokers()
	if err == nil && len(brokers) == 0 {
		err = errors.New("no broker is registered")
	}
	return err
}

// tail returns the last lines of a log, or why there are none.
func tail(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	const most = 4 << 10
	if len(text) > most {
		text = text[len(text)-most:]
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	return text
}
