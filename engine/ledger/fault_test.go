package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/send"
)

// story is n batches, each of which can be told from what it leaves: batch i
// settles an id, parks a send, drops the one that was parked three before, and
// brings the position to i.
func story(i int) *Batch {
	b := &Batch{
		At: start, Pos: Position{Status: int64(i), Ledger: int64(2 * i)},
		Entries: []Entry{settled(i)},
		Park:    []Row{{Key: key(1000 + i), Queue: "q", Due: int64(i), Value: make([]byte, 4000)}},
	}
	if i >= 3 {
		b.Drop = []Drop{{Key: key(1000 + i - 3)}}
	}
	return b
}

// after checks that a disk holds the first n batches of the story and nothing
// else, and returns n.
func after(t *testing.T, l *Ledger) int {
	t.Helper()
	s, entries := load(t, l, start)
	n := len(entries)
	for i, e := range entries {
		if e != settled(i) {
			t.Fatalf("entry %d is %v", i, e)
		}
	}
	if want := (Position{int64(n - 1), int64(2 * (n - 1))}); n > 0 && s.Position() != want {
		t.Fatalf("%d batches and the position %v", n, s.Position())
	}
	if got, want := s.Parked("q"), min(n, 3); got != want {
		t.Fatalf("%d batches and %d parked, want %d", n, got, want)
	}
	var rows []send.Key
	if err := s.Due("q", "", 1<<40, func(k send.Key, _ []byte) bool { rows = append(rows, k); return true }); err != nil {
		t.Fatal(err)
	}
	for i, k := range rows {
		if want := key(1000 + n - len(rows) + i); k != want || len(rows) != min(n, 3) {
			t.Fatalf("%d batches and the rows %v", n, rows)
		}
		if v, err := s.Get(k); err != nil || v == nil {
			t.Fatal(err)
		}
	}
	return n
}

// A crash at every third batch, with none, half or all of what was not synced on the
// disk: what is left is a prefix of the batches, and each of them whole.
func TestCrashLeavesWholeBatches(t *testing.T) {
	const batches, synced = 60, 45
	for _, kept := range []int{0, 50, 100} {
		t.Run(fmt.Sprintf("kept=%d", kept), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			l := openOn(t, fs)
			s, _ := load(t, l, start)
			random := rand.New(rand.NewPCG(1, uint64(kept)))
			var crashed []*vfs.MemFS
			for i := range batches {
				apply(t, s, story(i))
				if i == batches/2 {
					if err := l.db.Flush(); err != nil { // into a table: crashes meet both
						t.Fatal(err)
					}
				}
				if i == synced {
					if err := l.db.LogData(nil, pebble.Sync); err != nil { // into the log
						t.Fatal(err)
					}
				}
				if i%3 > 0 {
					continue
				}
				crashed = append(crashed, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: random}))
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			for c, disk := range crashed {
				i := 3 * c
				again := openOn(t, disk)
				n := after(t, again)
				if n > i+1 || i > batches/2 && n <= batches/2 || i >= synced && n <= synced {
					t.Errorf("a crash after batch %d left %d batches", i, n)
				}
				goOn(t, again, n)
			}
		})
	}
}

// goOn follows the story from where a crash left it.
func goOn(t *testing.T, l *Ledger, from int) {
	t.Helper()
	s, _ := load(t, l, start)
	for i := from; i < from+5; i++ {
		apply(t, s, story(i))
	}
	if n := after(t, l); n != from+5 {
		t.Errorf("five more after %d make %d", from, n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// A disk that is full ends the process with a sentence: Pebble would end it
// with a panic, for it can't go on after a log it could not write. What Kafka
// acknowledged is read again from there.
func TestFullDisk(t *testing.T) {
	if file := os.Getenv("LEDGER_TEST_FULL"); file != "" {
		fillDisk(file)
		return
	}
	for _, file := range []string{".log", ".sst"} {
		t.Run(file, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestFullDisk$")
			child.Env = append(os.Environ(), "LEDGER_TEST_FULL="+file)
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("it ended with %v", err)
			}
			if text := string(out); !strings.Contains(text, "the disk of the data directory is full") || strings.Contains(text, "goroutine ") {
				t.Errorf("it said:\n%.2000s", text)
			}
		})
	}
}

// fillDisk writes until the files of a kind find the disk full.
func fillDisk(kind string) {
	full := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, kind) {
			return syscall.ENOSPC
		}
		return nil
	})
	l, err := Open(Config{Dir: "db", FS: errorfs.Wrap(vfs.NewMem(), full), Window: day}, zerolog.New(os.Stderr))
	if err != nil {
		panic(err)
	}
	s, err := l.Load(3, start, func(Entry) {})
	if err != nil {
		panic(err)
	}
	for i := range 100 {
		if err := s.Apply(story(i)); err != nil {
			panic(err)
		}
	}
	if err := l.Close(); err != nil { // what is still in memory is written now
		panic(err)
	}
}
