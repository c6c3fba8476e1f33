// Package ledger is a node's memory on disk, in Pebble, and nothing else here
// touches Pebble. It holds nothing that Kafka does not: each batch carries the
// offsets of `status` and `ledger` up to which it is complete, so that whatever
// a crash took is read again from there. That is why no write is synced.
package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
)

// Config of a ledger.
type Config struct {
	Dir string
	// FS is the disk; nil is the operating system's.
	FS vfs.FS
	// Window is how long an id is remembered.
	Window time.Duration
}

// Ledger is one node's database. It is safe for concurrent use; a Shard of it
// is not.
type Ledger struct {
	db     *pebble.DB
	window time.Duration
}

// Open opens or makes the database. A disk that runs full later ends the
// process: Pebble can't go on after a write that failed.
func Open(cfg Config, log zerolog.Logger) (*Ledger, error) {
	opts := &pebble.Options{
		FS:                          cfg.FS,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                16 << 20,
		MemTableStopWritesThreshold: 4,
		WALBytesPerSync:             1 << 20,
		Logger:                      quietLogger{log},
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	opts.WithFSDefaults()
	opts.FS = vfs.OnDiskFull(opts.FS, func() {
		log.Fatal().Str("directory", cfg.Dir).Msg("the disk of the data directory is full: make room and start again; " +
			"nothing is lost, what the disk lacks is read from Kafka")
	})
	db, err := pebble.Open(cfg.Dir, opts)
	if err != nil {
		return nil, fmt.Errorf("open the ledger in %s: %w (another carillon may be running on it; "+
			"a damaged one can be deleted: it is rebuilt from Kafka)", cfg.Dir, err)
	}
	return &Ledger{db: db, window: cfg.Window}, nil
}

// Follow says what the ledger follows: the topics by their ids. If it followed
// others before, it is emptied, for what it holds is about offsets that mean
// something else now; dropped tells so. It is called before the first Load.
func (l *Ledger) Follow(topics []byte) (dropped bool, err error) {
	had, closer, err := l.db.Get([]byte{followsKind})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return false, fmt.Errorf("read what the ledger follows: %w", err)
	default:
		same := bytes.Equal(had, topics)
		_ = closer.Close() // it only frees a reference
		if same {
			return false, nil
		}
		dropped = true
	}
	w := l.db.NewBatch()
	defer func() { _ = w.Close() }() // after a commit it only frees memory
	err = errors.Join(w.DeleteRange([]byte{0}, []byte{0xff}, nil), w.Set([]byte{followsKind}, topics, nil), w.Commit(pebble.Sync))
	if err != nil {
		return false, fmt.Errorf("write what the ledger follows: %w", err)
	}
	return dropped, nil
}

// Close flushes and closes the database. No Shard may be used afterwards.
func (l *Ledger) Close() error {
	return errors.Join(l.db.Flush(), l.db.Close())
}

// Stats are figures for the metrics.
type Stats struct {
	DiskBytes, MemTableBytes, CompactionDebt uint64
	ReadAmplification                        int
}

// Stats returns the database's present figures.
func (l *Ledger) Stats() Stats {
	m := l.db.Metrics()
	return Stats{
		DiskBytes: m.DiskSpaceUsage(), MemTableBytes: m.MemTable.Size,
		CompactionDebt: m.Compact.EstimatedDebt, ReadAmplification: m.ReadAmp(),
	}
}

// The keyspace: a kind, the shard, then the kind's own key.
const (
	followsKind = 'f' // alone: the topics that all else is about
	journalKind = 'j' // sequence number → packed entries
	queueKind   = 'q' // queue, 0, due, id hash → parked send
	parkedKind  = 'k' // id hash → origin, queue, 0, due
)

func prefix(kind byte, shard int32, more int) []byte {
	k := make([]byte, 0, 5+more)
	k = append(k, kind)
	return binary.BigEndian.AppendUint32(k, uint32(shard))
}

type quietLogger struct{ log zerolog.Logger }

func (quietLogger) Infof(string, ...any) {}
func (q quietLogger) Errorf(format string, args ...any) {
	q.log.Error().Msgf("pebble: "+format, args...)
}
func (q quietLogger) Fatalf(format string, args ...any) {
	q.log.Fatal().Msgf("pebble: "+format, args...)
}
