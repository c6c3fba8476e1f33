package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// child is this test binary in another role. It prints a line when it is ready,
// and ends when its standard input does, which is also when its parent dies.
type child struct {
	cmd   *exec.Cmd
	input io.Closer
	said  io.Reader
	log   string
}

const readyLine = "ready"

// start starts a child whose log goes to a file, and waits until it is ready.
func start(log string, args ...string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the child has its own copy
	c := &child{cmd: exec.Command(exe, args...), log: log}
	c.cmd.Stderr = file
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.said, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the %s: %w", args[0], err)
	}
	if err := c.awaitReady(time.Minute); err != nil {
		return nil, errors.Join(fmt.Errorf("the %s: %w", args[0], err), c.stop())
	}
	return c, nil
}

func (c *child) awaitReady(most time.Duration) error {
	ready := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(c.said).ReadString('\n')
		if err == nil && line != readyLine+"\n" {
			err = fmt.Errorf("said %q", line)
		}
		ready <- err
	}()
	select {
	case err := <-ready:
		return err
	case <-time.After(most):
		return fmt.Errorf("was not ready within %v", most)
	}
}

// stop ends the child in good order, by force after a minute, and shows its log
// if there is anything wrong.
func (c *child) stop() error {
	_ = c.input.Close()
	force := time.AfterFunc(time.Minute, func() { _ = c.cmd.Process.Kill() })
	defer force.Stop()
	if err := c.cmd.Wait(); err != nil {
		text, _ := os.ReadFile(c.log)
		return fmt.Errorf("%s: %w:\n%s", c.cmd.Args[1], err, text)
	}
	return nil
}

// asChild is for the child: ready tells the parent, and ctx ends when the
// parent wants it or is gone.
func asChild() (ctx context.Context, ready func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx, func() { fmt.Println(readyLine) }
}
