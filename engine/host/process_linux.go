package host

import (
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownBinary is the running file itself, even when another was put in its place
// since: an upgrade on disk must not start plugins of another version.
func ownBinary(string) (string, error) { return "/proc/self/exe", nil }

func onMainThread() bool { return unix.Gettid() == unix.Getpid() }

// restrictThread denies new privileges (set-user-id programs, file
// capabilities) to what this thread starts: prctl(2), PR_SET_NO_NEW_PRIVS.
func restrictThread() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("deny new privileges to the plugin: %w", err)
	}
	return nil
}

func groupAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit returns when the process has ended and leaves it unreaped: until
// that, nobody else can have its group's id.
func awaitExit(cmd *exec.Cmd) {
	var err error = unix.EINTR
	for err == unix.EINTR {
		err = unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
}

func killGroup(pid int)      { _ = syscall.Kill(-pid, syscall.SIGKILL) }
func terminateGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGTERM) }
