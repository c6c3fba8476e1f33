package ledger

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
)

// small mounts a disk of so many bytes.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a disk that really is small needs the right to mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// On a disk that really is small: whoever heeds Free goes on and loses nothing;
// whoever does not ends with a sentence, and can go on when there is room.
func TestSmallDisk(t *testing.T) {
	const ours = "LEDGER_TEST_SMALL"
	if dir := os.Getenv(ours); dir != "" {
		if err := fill(dir, func(*Ledger) bool { return false }); err != nil {
			panic(err)
		}
		return
	}
	dir := small(t, "28m")
	low := false
	err := fill(dir, func(l *Ledger) bool {
		var err error
		if _, low, err = l.Free(); err != nil {
			t.Fatal(err)
		}
		return low
	})
	if err != nil || !low {
		t.Fatalf("heeded: low %v, %v", low, err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestSmallDisk$")
	child.Env = append(os.Environ(), ours+"="+dir)
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "the disk of the data directory is full") {
		t.Errorf("not heeded: %v, %.2000s", err, out)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=96m"); err != nil {
		t.Fatal(err)
	}
	l, err := Open(Config{Dir: dir + "/ledger", Window: day}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	n, err := read(t, l)
	if err != nil || n < 1000 {
		t.Errorf("%d batches are left, %v", n, err)
	}
	goOn(t, l, n)
}

// fill follows the story, until it says stop, for longer than the disk has room.
func fill(dir string, stop func(*Ledger) bool) error {
	l, err := Open(Config{Dir: dir + "/ledger", Window: day, MinFree: 14 << 20}, zerolog.New(os.Stderr))
	if err != nil {
		return err
	}
	n := 0
	s, err := l.Load(3, start, func(Entry) { n++ })
	for ; err == nil && n < 50_000 && !stop(l); n++ {
		err = s.Apply(story(n))
	}
	return errors.Join(err, l.Close())
}
