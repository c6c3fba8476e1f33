package ledger

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk ends the process with a sentence when something can't be written. Pebble
// would end it with a panic where that is its log, and repeat it for ever, without
// a pause, where that is a table.
type disk struct {
	vfs.FS
	fatal func(error)
}

func newDisk(fs vfs.FS, fatal func(error)) disk {
	full := func() {
		fatal(errors.New("the disk of the data directory is full: make room and start again; " +
			"nothing is lost, what the disk lacks is read from Kafka"))
	}
	return disk{vfs.OnDiskFull(fs, full), fatal}
}

func (d disk) must(err error) error {
	if err != nil {
		d.fatal(fmt.Errorf("the disk of the data directory can't be written: %w; mend it and start again; "+
			"nothing is lost, what the disk lacks is read from Kafka", err))
	}
	return err
}

// Create, ReuseForWrite, Rename, OpenDir and Unwrap are of vfs.FS.
func (d disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, category)
	return written{f, d}, d.must(err)
}

func (d disk) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(old, name, category)
	return written{f, d}, d.must(err)
}

func (d disk) Rename(old, name string) error { return d.must(d.FS.Rename(old, name)) }

func (d disk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	return written{f, d}, d.must(err)
}

func (d disk) Unwrap() vfs.FS { return d.FS }

// written is a file that is written, or a directory that is synced.
type written struct {
	vfs.File
	disk disk
}

func (w written) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	return n, w.disk.must(err)
}

func (w written) SyncTo(length int64) (bool, error) {
	full, err := w.File.SyncTo(length)
	return full, w.disk.must(err)
}

func (w written) Sync() error     { return w.disk.must(w.File.Sync()) }
func (w written) SyncData() error { return w.disk.must(w.File.SyncData()) }
func (w written) Close() error    { return w.disk.must(w.File.Close()) }
