package ledger

import "fmt"

// minFree is enough for what may still come once nothing more is begun: four
// memtables and their logs, what is under way settling or being parked, and the
// output of a large compaction, whose input goes only after it.
const minFree = 512 << 20

// Free returns how many bytes the ledger's disk still takes, and whether that is
// low: since it fell below Config.MinFree, until there is a quarter more than
// that. Whoever asks should begin nothing while it is low, for a disk that is
// full ends the process. It may be called by any goroutine; a call costs a
// system call.
func (l *Ledger) Free() (free uint64, low bool, err error) {
	usage, err := l.dir.fs.GetDiskUsage(l.dir.path)
	if err != nil {
		return 0, false, fmt.Errorf("ask for the free space of %s: %w", l.dir.path, err)
	}
	least := l.cfg.MinFree
	if l.low.Load() {
		least += least / 4
	}
	l.low.Store(usage.AvailBytes < least)
	return usage.AvailBytes, l.low.Load(), nil
}
