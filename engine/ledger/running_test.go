package ledger

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/carillonhq/carillon/engine/send"
)

// Damage that shows while the ledger is in use: the call that meets it ends with
// ErrDamaged, or nobody's call does; the ledger says so, and the next one is new.
func TestDamageWhileRunning(t *testing.T) {
	for _, c := range []struct {
		name string
		meet func(l *Ledger, s *Shard) error
	}{
		{"a queue is read", func(_ *Ledger, s *Shard) error {
			return s.Due("q", "", 1<<40, func(send.Key, []byte) bool { return true })
		}},
		{"a row is read", func(_ *Ledger, s *Shard) error { _, err := s.Get(key(1001)); return err }},
		{"a row is dropped", func(_ *Ledger, s *Shard) error {
			return s.Apply(&Batch{At: start, Pos: none, Drop: []Drop{{Key: key(1001)}}})
		}},
		{"a shard is loaded", func(l *Ledger, _ *Shard) error {
			_, err := l.Load(4, start, func(Entry) {})
			return err
		}},
		{"a compaction", func(l *Ledger, _ *Shard) error {
			ctx, cancel := context.WithCancel(context.Background()) // Pebble tries for ever
			go func() { <-l.Damaged(); cancel() }()
			if l.db.Compact(ctx, []byte{0}, []byte{0xff}, false) == nil {
				return nil
			}
			return ErrDamaged // nobody of ours is told
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var broken atomic.Bool
			disk := vfs.NewMem()
			fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsRead && strings.HasSuffix(op.Path, ".sst") {
					return &os.PathError{Op: "read", Path: op.Path, Err: syscall.EIO}
				}
				return nil
			}))
			l := openOn(t, fs)
			s, _ := load(t, l, start)
			other, err := l.Load(4, start, func(Entry) {})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 { // tables that overlap
				apply(t, s, story(i))
				apply(t, other, story(i))
				if err := l.db.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			broken.Store(true)
			err = c.meet(l, s)
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("got %v", err)
			}
			select {
			case <-l.Damaged():
			case <-time.After(10 * time.Second):
				t.Fatal("it does not say that it is damaged")
			}
			broken.Store(false)
			_ = l.Close() // it may say what is damaged
			again := openOn(t, fs)
			if n, err := read(t, again); n != 0 || err != nil {
				t.Errorf("opened again: %d batches, %v", n, err)
			}
			goOn(t, again, 0)
		})
	}
}
