//go:build unix

package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/engine/host"
)

// handshakeWithin is the engine's own limit of a start.
const handshakeWithin = 15 * time.Second

// Orphan starts the plugin from a shell, waits for its handshake, kills the
// shell, and returns what still runs after within. The shell stands for an
// engine on a system that ends no process with its parent: the host would do so
// on Linux.
func (e *Executable) Orphan(ctx context.Context, within time.Duration) (left []string, err error) {
	dir, err := os.MkdirTemp("", "carillon-plugin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	o, err := e.orphanage(dir)
	if err != nil {
		return nil, err
	}
	defer o.end()
	if err := o.handshake(ctx); err != nil {
		return nil, err
	}
	family, err := process.Family(o.shell.Process.Pid)
	if err != nil {
		return nil, fmt.Errorf("find the processes that it started: %w", err)
	}
	family = family[1:] // the shell's own
	if err := o.shell.Process.Kill(); err != nil {
		return nil, err
	}
	_ = o.shell.Wait() // that it was killed
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		alive := process.Alive(family)
		if len(alive) == 0 {
			return nil, nil
		}
		if time.Now().Before(end) && ctx.Err() == nil {
			continue
		}
		for _, pid := range alive {
			left = append(left, describe(pid, pid == family[0]))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return left, ctx.Err()
	}
}

func describe(pid int, plugin bool) string {
	if plugin {
		return fmt.Sprintf("the plugin (process %d)", pid)
	}
	return fmt.Sprintf("a process that it started (%d)", pid)
}

// orphanage is a shell with the plugin as its child.
type orphanage struct {
	shell *exec.Cmd
	// They are read to the end: who prints and is not read may end by that.
	stdout, stderr *os.File
	printed        io.Writer
}

func (e *Executable) orphanage(dir string) (*orphanage, error) {
	env, err := host.Environment(dir)
	if err != nil {
		return nil, err
	}
	stdout, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer outW.Close()
	stderr, errW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, stdout.Close())
	}
	defer errW.Close()
	o := &orphanage{stdout: stdout, stderr: stderr, printed: &e.out}
	o.shell = exec.Command("/bin/sh", append([]string{"-c", `"$0" "$@" & wait`, e.path}, e.spec.Args...)...)
	o.shell.Env, o.shell.Stdout, o.shell.Stderr = env, outW, errW
	o.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := o.shell.Start(); err != nil {
		return nil, errors.Join(err, stdout.Close(), stderr.Close())
	}
	go func() { _, _ = io.Copy(o.printed, stderr) }()
	return o, nil
}

// handshake waits for the plugin's first line, and lets it print more.
func (o *orphanage) handshake(ctx context.Context) error {
	first := make(chan error, 1)
	go func() {
		lines := bufio.NewReader(o.stdout)
		_, err := lines.ReadString('\n')
		first <- err
		_, _ = io.Copy(o.printed, lines)
	}()
	select {
	case err := <-first:
		if err != nil {
			return errors.New("it printed no handshake")
		}
		return nil
	case <-time.After(handshakeWithin):
		return fmt.Errorf("it printed no handshake within %s", handshakeWithin)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end kills all that is left in the shell's group.
func (o *orphanage) end() {
	_ = syscall.Kill(-o.shell.Process.Pid, syscall.SIGKILL)
	_ = o.shell.Wait() // where it has been awaited, an error
	_, _ = o.stdout.Close(), o.stderr.Close()
}
