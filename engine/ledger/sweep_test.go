package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/rs/zerolog"
)

// nth fails one operation on the disk, or all from it on.
type nth struct {
	after  atomic.Int64 // that go well
	onward bool
	err    error
	path   atomic.Pointer[string] // of the first that failed
}

func (f *nth) String() string { return "" }

func (f *nth) MaybeError(op errorfs.Op) error {
	left := f.after.Add(-1)
	if left > -1 || left < -1 && !f.onward {
		return nil
	}
	f.path.CompareAndSwap(nil, &op.Path)
	name := "write"
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		name = "read"
	}
	return &fs.PathError{Op: name, Path: op.Path, Err: f.err}
}

const swept = 25

// tell writes the story and closes the ledger. A fatal error ends it where it
// is, as it ends a process.
func tell(disk vfs.FS) error {
	fatal, done := make(chan error, 10), make(chan error, 1)
	go func() {
		done <- func() error {
			l, err := Open(Config{Dir: "db", FS: disk, Window: day, Fatal: func(err error) {
				fatal <- fmt.Errorf("fatal: %w", err)
				select {}
			}}, zerolog.Nop())
			if err != nil {
				return fmt.Errorf("open: %w", err)
			}
			s, err := l.Load(3, start, func(Entry) {})
			for i := 0; i < swept && err == nil; i++ {
				if err = s.Apply(story(i)); err == nil && i%8 == 7 {
					err = l.db.Flush()
				}
				if err == nil && i == swept-3 {
					err = l.db.LogData(nil, pebble.Sync)
				}
			}
			return errors.Join(err, l.Close())
		}()
	}()
	select {
	case err := <-fatal:
		return err
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		return errors.New("it hangs")
	}
}

// Each operation on the disk fails once, or for good from there on: what could
// not be written is an error or ends the process, and what is on the disk then is
// a beginning of the story that knows its end, or nothing.
func TestFailAtEachOperation(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
	}{{"input/output error", syscall.EIO}, {"no space", syscall.ENOSPC}} {
		for _, onward := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, onward=%v", c.name, onward), func(t *testing.T) {
				ends := map[string]int{}
				n := 0
				for ; failAt(t, int64(n), c.err, onward, ends); n++ {
				}
				t.Log(n, "operations:", ends)
				if n < 50 {
					t.Errorf("only %d operations", n)
				}
			})
		}
	}
}

func failAt(t *testing.T, n int64, fail error, onward bool, ends map[string]int) (failed bool) {
	t.Helper()
	disk := vfs.NewCrashableMem()
	f := &nth{err: fail, onward: onward}
	f.after.Store(n)
	err := tell(errorfs.Wrap(disk, f))
	f.after.Store(1 << 40)
	if f.path.Load() == nil {
		if err != nil {
			t.Fatalf("nothing failed, and %v", err)
		}
		return false
	}
	end := "it went on"
	if err != nil {
		end, _, _ = strings.Cut(err.Error(), ":")
	}
	ends[end]++
	left := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	again := openOn(t, left)
	told, readErr := read(t, again)
	switch {
	case end == "it hangs":
		t.Errorf("operation %d on %s: it hangs", n, *f.path.Load())
	case readErr != nil:
		t.Errorf("operation %d on %s, which ended with %v: %v", n, *f.path.Load(), err, readErr)
	case err == nil && told != swept && told != 0: // 0: it was found damaged, and is made anew
		t.Errorf("operation %d on %s: all went well, and %d batches are left", n, *f.path.Load(), told)
	}
	goOn(t, again, told)
	return true
}
