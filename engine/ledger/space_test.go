package ledger

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
)

// The space is low from below the least on, until there is a quarter more.
func TestFree(t *testing.T) {
	disk := vfs.NewMem()
	l, err := Open(Config{Dir: "db", FS: disk, Window: day, MinFree: 1000}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, _, err := l.Free(); !errors.Is(err, vfs.ErrUnsupported) {
		t.Errorf("a disk that does not tell: %v", err)
	}
	for i, c := range []struct {
		free uint64
		low  bool
	}{
		{5000, false},
		{1000, false}, // as much as there must be
		{999, true},
		{1249, true}, // not yet: it would go to and fro
		{1250, false},
		{1249, false},
		{1, true},
	} {
		disk.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: c.free, TotalBytes: 10_000})
		free, low, err := l.Free()
		if free != c.free || low != c.low || err != nil {
			t.Errorf("%d: %d free: got %d, low %v, %v; want %v", i, c.free, free, low, err, c.low)
		}
	}
}

// What nobody has chosen.
func TestDefaults(t *testing.T) {
	l := open(t)
	if l.cfg.MinFree != 512<<20 || l.cfg.Tombstones != 7*day {
		t.Errorf("%+v", l.cfg)
	}
}
