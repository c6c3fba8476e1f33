package ledger

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// format numbers what the ledger writes. Raise it with any change of a key, of a
// value or of pebbleFormat: a directory of another number is rebuilt.
const format = 2

const pebbleFormat = pebble.FormatValueSeparation

// Besides Pebble's own files.
const (
	formatFile  = "format"  // the number
	damagedFile = "damaged" // why the directory is to be rebuilt
	lockFile    = "LOCK"
)

// directory is where the database is, and whose lock is held.
type directory struct {
	fs   vfs.FS
	path string
}

// lock makes the directory and takes its lock.
func (d directory) lock() (*pebble.Lock, error) {
	if err := d.fs.MkdirAll(d.path, 0o700); err != nil { // it holds sends in full
		return nil, err
	}
	lock, err := pebble.LockDirectory(d.path, d.fs)
	if err != nil {
		return nil, fmt.Errorf("%w (another carillon may be running on it)", err)
	}
	return lock, nil
}

// unfit says why what is in the directory has to be rebuilt; "" if it has not.
// What a newer version has written is an error, for whoever goes back may want
// to go forth again.
func (d directory) unfit() (why string, err error) {
	names, err := d.names()
	if err != nil || len(names) == 0 {
		return "", errors.Join(err, d.begin(names))
	}
	if slices.Contains(names, damagedFile) {
		text, err := d.read(damagedFile)
		return "it was found damaged: " + text, err
	}
	if !slices.Contains(names, formatFile) {
		return "an older version wrote it, or it was not dropped to the end", nil
	}
	text, err := d.read(formatFile)
	if err != nil {
		return "", err
	}
	var had int
	switch _, err := fmt.Sscanf(text, "carillon ledger %d", &had); {
	case err != nil || text != formatText(had): // a bit may have made it any number
		return "its format can't be read", nil //nolint:nilerr // that is what the sentence says
	case had > format:
		return "", fmt.Errorf("it has format %d, of a newer version, and this one knows %d: start the newer version, "+
			"or delete the directory, which is then rebuilt from Kafka", had, format)
	case had < format:
		return fmt.Sprintf("it has format %d, of an older version", had), nil
	}
	return "", nil
}

// begin says in an empty directory whose it is.
func (d directory) begin(names []string) error {
	if len(names) > 0 {
		return nil
	}
	return d.write(formatFile, formatText(format))
}

func formatText(number int) string {
	text := fmt.Sprintf("carillon ledger %d", number)
	return fmt.Sprintf("%s %08x\n", text, crc32.ChecksumIEEE([]byte(text)))
}

// ours are the names that the ledger and Pebble give to files. Pebble's are in
// its internal/base/filenames.go and vfs/atomicfs.
var ours = regexp.MustCompile(`^(\d+(-\d+)?\.(log|sst|blob|blobmeta)|(MANIFEST|OPTIONS)-\d+|CURRENT|LOCK|` +
	`marker\..+|temporary\..+|CURRENT\..+|.+\.dbtmp|REMOTE-OBJ-CATALOG-\d+|` + formatFile + `|` + damagedFile + `)$`)

// names lists the directory but for the lock.
func (d directory) names() ([]string, error) {
	names, err := d.fs.List(d.path)
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == lockFile }), err
}

// drop empties the directory. It refuses if there is a file that the ledger did
// not make. Of a drop that was cut short, unfit tells.
func (d directory) drop() error {
	names, err := d.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !ours.MatchString(name) {
			return fmt.Errorf("%s is not of the ledger's making: take it out of the directory, or give another one as data", name)
		}
	}
	for _, first := range []bool{true, false} {
		for _, name := range names {
			if (name == formatFile) != first {
				continue
			}
			if err := d.fs.Remove(d.fs.PathJoin(d.path, name)); err != nil {
				return err
			}
		}
		if err := d.sync(); err != nil {
			return err
		}
	}
	return d.begin(nil)
}

func (d directory) sync() error {
	dir, err := d.fs.OpenDir(d.path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (d directory) read(name string) (string, error) {
	f, err := d.fs.Open(d.fs.PathJoin(d.path, name))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	return string(b), errors.Join(err, f.Close())
}

func (d directory) write(name, text string) error {
	f, err := d.fs.Create(d.fs.PathJoin(d.path, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Sync(), f.Close(), d.sync())
}
