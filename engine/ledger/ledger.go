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
	"sync"
	"sync/atomic"
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
	// Tombstones is how long the topic `ledger` keeps them (delete.retention.ms);
	// 0 is 7 days. What a shard has parked is dropped if it is older than half of
	// that: a send that was finished since may have no tombstone any more.
	Tombstones time.Duration
	// MinFree is below how many bytes of free space Free says that it is low; 0 is
	// 512 MiB.
	MinFree uint64
	// Usage is told what the index of ids takes, of all shards; nil for nobody.
	Usage *Usage
	// Caps are what is counted for frequency caps; nil is nothing.
	Caps *Caps
	// Fatal is called when the ledger can't go on and could not be closed either,
	// such as on a full disk. It must not return. nil logs the error and ends the
	// process.
	Fatal func(error)
}

// Ledger is one node's database. It is safe for concurrent use; a Shard of it
// is not.
type Ledger struct {
	cfg     Config
	log     zerolog.Logger
	dir     directory
	lock    *pebble.Lock
	db      *pebble.DB
	once    sync.Once
	damaged chan struct{} // closed by mark
	low     atomic.Bool   // what Free said
}

// Open opens or makes the database. One that is damaged, or that another version
// wrote in an older format, is made anew, since all it held is in Kafka; one of a
// newer format is refused. A disk that runs full later ends the process: Pebble
// can't go on after a write that failed.
func Open(cfg Config, log zerolog.Logger) (*Ledger, error) {
	if cfg.Tombstones == 0 {
		cfg.Tombstones = 7 * 24 * time.Hour
	}
	if cfg.MinFree == 0 {
		cfg.MinFree = minFree
	}
	if cfg.Usage == nil {
		cfg.Usage = &Usage{}
	}
	if cfg.Fatal == nil {
		cfg.Fatal = func(err error) { log.Fatal().Str("directory", cfg.Dir).Msg(err.Error()) }
	}
	l := &Ledger{cfg: cfg, log: log, damaged: make(chan struct{})}
	opts := l.options()
	l.dir = directory{opts.FS, cfg.Dir}
	opts.FS = newDisk(opts.FS, cfg.Fatal)
	var err error
	if l.lock, err = l.dir.lock(); err == nil {
		opts.Lock = l.lock
		if err = l.open(opts); err != nil {
			_ = l.lock.Close() // the error is in hand
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the ledger in %s: %w", cfg.Dir, err)
	}
	return l, nil
}

func (l *Ledger) open(opts *pebble.Options) error {
	why, err := l.dir.unfit()
	if err != nil {
		return err
	}
	if why == "" {
		if l.db, err = pebble.Open(l.dir.path, opts); err == nil || !atOpen(err) {
			return err
		}
		why = "it is damaged: " + err.Error()
	}
	if err := l.dir.drop(); err != nil {
		return fmt.Errorf("drop it to rebuild it from Kafka, since %s: %w", why, err)
	}
	l.log.Warn().Str("directory", l.dir.path).Str("why", why).Msg("the ledger is dropped and rebuilt from Kafka")
	l.db, err = pebble.Open(l.dir.path, opts)
	return err
}

// Options are how Pebble is tuned here, for whoever measures it alone.
func Options() *pebble.Options {
	opts := &pebble.Options{
		FormatMajorVersion:          pebbleFormat,
		MemTableSize:                8 << 20,
		MemTableStopWritesThreshold: 4,
		WALBytesPerSync:             1 << 20,
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}

func (l *Ledger) options() *pebble.Options {
	opts := Options()
	opts.FS, opts.Logger = l.cfg.FS, pebbleLog{l}
	opts.EventListener = &pebble.EventListener{
		BackgroundError: l.inBackground,
		DataCorruption:  func(found pebble.DataCorruptionInfo) { l.mark(found.Details) },
	}
	opts.WithFSDefaults()
	return opts
}

// Follow says what the ledger follows: the topics by their ids. If it followed
// others before, it is emptied, for what it holds is about offsets that mean
// something else now; dropped tells so. It is called before the first Load.
func (l *Ledger) Follow(topics []byte) (dropped bool, err error) {
	had, closer, err := l.db.Get([]byte{followsKind})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return false, fmt.Errorf("read what the ledger follows: %w", l.check(err))
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
	return errors.Join(l.db.Flush(), l.db.Close(), l.lock.Close())
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
	queueKind   = 'q' // queue, 1, tenant, 0, due, id hash → parked send
	countKind   = 'c' // sequence number of the journal → what went out, packed
	parkedKind  = 'k' // id hash → origin, queue, 1, tenant, 0, due
)

func prefix(kind byte, shard int32, more int) []byte {
	k := make([]byte, 0, 5+more)
	k = append(k, kind)
	return binary.BigEndian.AppendUint32(k, uint32(shard))
}

// pebbleLog passes on what Pebble says of errors.
type pebbleLog struct{ *Ledger }

func (pebbleLog) Infof(string, ...any) {}
func (p pebbleLog) Errorf(format string, args ...any) {
	p.log.Error().Msgf("pebble: "+format, args...)
}

// Fatalf is what Pebble says when it can't go on. Its caller counts on it not to
// return.
func (p pebbleLog) Fatalf(format string, args ...any) {
	p.cfg.Fatal(fmt.Errorf("the ledger can't go on: "+format+" (mend the disk and start again; nothing is lost, "+
		"what the disk lacks is read from Kafka)", args...))
}
