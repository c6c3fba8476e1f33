package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

// ErrDamaged is what everything ends with that meets damage: checksums that do
// not fit, files that are gone or can't be read, a journal with gaps. What is on
// the disk can't be relied on any more, and need not be: Kafka has it all. The
// directory is marked, and the next Open makes it anew; to go on, close the
// ledger and open it again.
var ErrDamaged = errors.New("the ledger is damaged, and is rebuilt from Kafka at the next start")

// errJournal is damage that Pebble does not see.
var errJournal = errors.New("the journal is damaged")

// Damaged is closed when damage was found, by a call that returned ErrDamaged or
// in the background.
func (l *Ledger) Damaged() <-chan struct{} { return l.damaged }

// check returns err, as ErrDamaged and with the directory marked if it is about
// damage.
func (l *Ledger) check(err error) error {
	if err == nil || !isDamage(err) {
		return err
	}
	l.mark(err)
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// mark says in the directory that it is to be rebuilt.
func (l *Ledger) mark(err error) {
	l.once.Do(func() {
		l.log.Error().Err(err).Str("directory", l.dir.path).Msg(ErrDamaged.Error())
		if err := l.dir.write(damagedFile, err.Error()); err != nil {
			l.log.Error().Err(err).Str("directory", l.dir.path).
				Msg("the damaged ledger could not be marked: delete the directory, it is rebuilt from Kafka")
		}
		close(l.damaged)
	})
}

// inBackground takes the errors of flushes and compactions, which Pebble
// repeats.
func (l *Ledger) inBackground(err error) {
	if l.check(err) == err { //nolint:errorlint // check has nothing to say of it
		l.log.Error().Err(err).Str("directory", l.dir.path).Msg("the ledger could not be written in the background; it is tried again")
	}
}

// isDamage tells whether an error is about what is in the files. What the disk
// can't read back is as good as gone; what it could not write is another matter.
func isDamage(err error) bool {
	var path *fs.PathError
	return pebble.IsCorruptionError(err) || errors.Is(err, errJournal) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, syscall.EIO) && errors.As(err, &path) && path.Op == "read"
}

// atOpen tells the same of an error of pebble.Open, which does not mark all that
// it finds in files as corruption: it is damage unless it is about the machine,
// such as rights, space, memory or descriptors.
func atOpen(err error) bool {
	var machine syscall.Errno
	return isDamage(err) || !errors.Is(err, fs.ErrPermission) && !errors.As(err, &machine)
}
