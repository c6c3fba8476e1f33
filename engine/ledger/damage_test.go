package ledger

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/engine/send"
)

// told is a disk after the story: tables, logs that are not flushed, and all
// that Pebble keeps beside them.
func told(t *testing.T, batches int) vfs.FS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	l := openOn(t, fs)
	s, _ := load(t, l, start)
	for i := range batches {
		apply(t, s, story(i))
		if i%15 == 14 && i < batches-15 {
			if err := l.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	disk := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return disk
}

func contents(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// damaged copies a disk, and damages one file of the copy. b is its content.
func damaged(t *testing.T, disk vfs.FS, name string, damage func(b []byte) []byte) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	if _, err := vfs.Clone(disk, fs, "db", "db"); err != nil {
		t.Fatal(err)
	}
	path := fs.PathJoin("db", name)
	b := damage(contents(t, disk, path))
	if b == nil {
		if err := fs.Remove(path); err != nil {
			t.Fatal(err)
		}
		return fs
	}
	put(t, fs, path, b)
	return fs
}

// read reads all that the ledger has. It returns how many batches of the story
// that is, or an error; anything else than the story's beginning fails the test.
func read(t *testing.T, l *Ledger) (int, error) {
	t.Helper()
	entries := []Entry{}
	s, err := l.Load(3, start, func(e Entry) { entries = append(entries, e) })
	if err != nil {
		return 0, err
	}
	rows := map[send.Key]bool{}
	if err := s.Due("q", "", 1<<40, func(k send.Key, v []byte) bool { rows[k] = len(v) == 4000; return true }); err != nil {
		return 0, err
	}
	for k := range rows {
		if v, err := s.Get(k); err != nil || v == nil {
			return 0, err
		}
	}
	n := len(entries)
	for i, e := range entries {
		if e != settled(i) {
			t.Fatalf("entry %d is %v", i, e)
		}
	}
	for i := max(0, n-3); i < n; i++ {
		if !rows[key(1000+i)] {
			t.Fatalf("%d batches without the row of %d", n, i)
		}
	}
	if want := (Position{int64(n - 1), int64(2 * (n - 1))}); len(rows) != min(n, 3) || n > 0 && s.Position() != want {
		t.Fatalf("%d batches, %d rows, position %v", n, len(rows), s.Position())
	}
	return n, nil
}

// Whatever is wrong with whichever file: the ledger holds a beginning of what was
// written, as after a crash, or says that it is damaged and is made anew.
func TestDamage(t *testing.T) {
	const batches = 60
	disk := told(t, batches)
	names, err := disk.List("db")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	random := rand.New(rand.NewPCG(3, 3))
	flip := func(b []byte) []byte { b[random.IntN(len(b))] ^= 1 << random.IntN(8); return b }
	kinds := []struct {
		name   string
		times  int
		damage func(b []byte) []byte
	}{
		{"a bit flipped", 60, flip},
		{"a sector of zeros", 10, func(b []byte) []byte {
			at := random.IntN(len(b))
			clear(b[at:min(at+512, len(b))])
			return b
		}},
		{"cut short", 10, func(b []byte) []byte { return b[:random.IntN(len(b))] }},
		{"empty", 1, func([]byte) []byte { return []byte{} }},
		{"gone", 1, func([]byte) []byte { return nil }},
	}
	results := map[string]map[string]int{}
	for _, name := range names {
		size := len(contents(t, disk, "db/"+name))
		for _, k := range kinds {
			if size == 0 && k.name != "gone" { // a name that says it all
				continue
			}
			for range k.times {
				fs := damaged(t, disk, name, k.damage)
				kind := strings.Trim(name, "-0123456789")
				if results[kind] == nil {
					results[kind] = map[string]int{}
				}
				results[kind][openDamaged(t, fs, name+" "+k.name, batches)]++
			}
		}
	}
	for kind, n := range results {
		t.Log(kind, n)
	}
}

func openDamaged(t *testing.T, fs *vfs.MemFS, what string, batches int) string {
	t.Helper()
	l, err := Open(Config{Dir: "db", FS: fs, Window: day}, zerolog.Nop())
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	n, err := read(t, l)
	outcome := "read to a beginning"
	switch {
	case err == nil && n == batches:
		outcome = "read in full"
	case err == nil && n == 0:
		outcome = "rebuilt at the start"
	case errors.Is(err, ErrDamaged):
		outcome = "found while reading"
		select {
		case <-l.Damaged():
		default:
			t.Errorf("%s: %v and it does not say that it is damaged", what, err)
		}
	case err != nil:
		t.Fatalf("%s: %v", what, err)
	}
	marked := errors.Is(err, ErrDamaged)
	_ = l.Close() // it may say what is damaged
	again := openOn(t, fs)
	if m, err := read(t, again); err != nil || marked && m != 0 || !marked && m != n {
		t.Fatalf("%s, then opened again: %d batches after %d, %v", what, m, n, err)
	}
	goOn(t, again, map[bool]int{true: 0, false: n}[marked])
	return outcome
}

// What can't be opened for another reason than damage stays as it is.
func TestOpenLeavesAlone(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, fs vfs.FS)
		fail error // of opening the manifest
		want string
	}{
		{"a newer format", func(t *testing.T, fs vfs.FS) {
			put(t, fs, "db/format", []byte(formatText(format+1)))
		}, nil, "start the newer version, or delete the directory"},
		{"no ledger, but somebody's files", func(t *testing.T, fs vfs.FS) {
			put(t, fs, "db/accounts.txt", []byte("x"))
			if err := fs.Remove("db/format"); err != nil {
				t.Fatal(err)
			}
		}, nil, "accounts.txt is not of the ledger's making"},
		{"no right to read", func(*testing.T, vfs.FS) {}, syscall.EACCES, "permission denied"},
		{"too many files open", func(*testing.T, vfs.FS) {}, syscall.EMFILE, "too many open files"},
		{"no memory", func(*testing.T, vfs.FS) {}, syscall.ENOMEM, "cannot allocate memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := damaged(t, told(t, 5), "format", func(b []byte) []byte { return b })
			c.make(t, disk)
			before, _ := disk.List("db")
			fail := errorfs.InjectorFunc(func(op errorfs.Op) error {
				if c.fail != nil && op.Kind == errorfs.OpOpen && strings.Contains(op.Path, "MANIFEST") {
					return &os.PathError{Op: "open", Path: op.Path, Err: c.fail}
				}
				return nil
			})
			_, err := Open(Config{Dir: "db", FS: errorfs.Wrap(disk, fail), Window: day}, zerolog.Nop())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ledger in db") {
				t.Errorf("got %v", err)
			}
			if after, _ := disk.List("db"); len(after) < len(before) {
				t.Errorf("%v, before %v", after, before)
			}
		})
	}
}

// What an older version has left, and a drop that was cut short, are made anew.
func TestOpenRebuilds(t *testing.T) {
	for _, c := range []struct{ name, format string }{
		{"an older format", formatText(format - 1)},
		{"none", ""},
		{"nonsense", "carillon ledger two"},
	} {
		disk := damaged(t, told(t, 5), "format", func([]byte) []byte {
			if c.format == "" {
				return nil
			}
			return []byte(c.format)
		})
		var log strings.Builder
		l, err := Open(Config{Dir: "db", FS: disk, Window: day}, zerolog.New(&log))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := read(t, l); n != 0 || err != nil {
			t.Errorf("%s: %d batches, %v", c.name, n, err)
		}
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "rebuilt from Kafka") {
			t.Errorf("%s: %s", c.name, log.String())
		}
		goOn(t, l, 0)
	}
}
