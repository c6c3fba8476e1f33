package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/send"
)

// Load reads a shard's state back: its ids within the window, what is parked,
// and how far it had come. done is told of each entry, oldest first; those past
// the window as well, since their records may be read again. Where the shard has
// not been followed for too long (Config.Tombstones), or its rows are an earlier
// version's, what is parked is dropped, and the position in `ledger` is -1: a send
// that was finished since may have left no trace there. What is known to be finished stays.
func (l *Ledger) Load(id int32, now time.Time, done func(Entry)) (*Shard, error) {
	s := &Shard{
		id: id, ledger: l, index: newIndex(l.cfg.Window, l.cfg.Usage), pos: Position{-1, -1}, queues: map[string]*queue{},
		counts: l.newCounts(),
	}
	runtime.AddCleanup(s, (*index).free, s.index)
	runtime.AddCleanup(s, counts.free, s.counts)
	defer runtime.KeepAlive(s)
	last, err := s.loadJournal(now, done)
	if err == nil {
		err = s.loadCounts(now)
	}
	// A time far in the future is of a clock that was wrong, and tells nothing.
	if age := now.Sub(last).Abs(); err == nil && !last.IsZero() && age > l.cfg.Tombstones/2 && !fault.Mutant(fault.OldStateKept) {
		l.log.Warn().Int32("shard", id).Stringer("age", age.Round(time.Second)).
			Msg("the ledger has not followed the shard for too long: its parked sends are dropped and read again from Kafka")
		err = s.dropRows(now)
	}
	if err == nil {
		err = s.loadQueues(now)
	}
	if errors.Is(err, errOldRows) {
		l.log.Info().Int32("shard", id).Msg("the parked sends on disk are of an earlier version: they are read again from Kafka, once")
		s.queues, s.outlived = map[string]*queue{}, nil
		err = s.dropRows(now)
	}
	if err != nil {
		return nil, fmt.Errorf("load shard %d: %w", id, l.check(err))
	}
	return s, nil
}

// dropRows drops all that is parked, and begins `ledger` anew.
func (s *Shard) dropRows(now time.Time) error {
	w := s.ledger.db.NewBatch()
	defer func() { _ = w.Close() }() // after a commit it only frees memory
	s.pos.Ledger = -1
	err := errors.Join(s.log(w, journal{at: now, pos: s.pos, oldest: s.oldest}, nil), s.logCounts(w, now, nil, s.pos.Status))
	for _, kind := range []byte{queueKind, parkedKind} {
		err = errors.Join(err, w.DeleteRange(prefix(kind, s.id, 0), prefix(kind, s.id+1, 0), nil))
	}
	if err = errors.Join(err, w.Commit(pebble.Sync)); err == nil {
		s.mark(s.seq, now, [2]int64{})
		s.applyCounts(s.seq, now, nil, s.pos.Status)
		s.seq++
		s.index.keepSettled()
	}
	return err
}

// journal iterates over the shard's entries.
func (s *Shard) journal() (*pebble.Iterator, error) {
	return s.ledger.db.NewIter(&pebble.IterOptions{
		LowerBound: prefix(journalKind, s.id, 0), UpperBound: prefix(journalKind, s.id+1, 0),
	})
}

// closeIter returns why an iterator ended, if it was not at its end.
func closeIter(it *pebble.Iterator, err error) error {
	if it == nil {
		return err
	}
	return errors.Join(err, it.Error(), it.Close())
}

// loadJournal returns when the last entry was written; zero where there is none.
func (s *Shard) loadJournal(now time.Time, done func(Entry)) (last time.Time, err error) {
	it, err := s.journal()
	if err != nil {
		return last, err
	}
	var batch []Entry
	begins := uint64(0)
	for ok := it.First(); ok; ok = it.Next() {
		batch = batch[:0]
		j, err := parseJournal(it.Value(), func(e Entry) { batch = append(batch, e) })
		seq := binary.BigEndian.Uint64(it.Key()[len(it.Key())-8:])
		if s.seq == 0 {
			s.oldest, s.seq = seq, seq
		}
		if err == nil && seq != s.seq {
			err = fmt.Errorf("%w: entry %d is missing", errJournal, s.seq)
		}
		if err != nil {
			return last, closeIter(it, err)
		}
		s.seq, s.pos, begins, last = seq+1, j.pos, j.oldest, j.at
		s.mark(seq, j.at, [2]int64{})
		for i := range batch {
			s.reach(&batch[i])
			done(batch[i])
		}
		if now.Sub(j.at) <= s.index.window {
			s.remember(batch, j.at)
		}
	}
	if err = closeIter(it, nil); err == nil && begins != s.oldest {
		err = fmt.Errorf("%w: it begins at entry %d instead of %d", errJournal, s.oldest, begins)
	}
	return last, err
}

// errOldRows is of rows that an earlier version wrote, without a tenant. Which of
// them it may have loaded could not be told once they stand among those with one.
var errOldRows = errors.New("a row has no tenant")

func (s *Shard) loadQueues(now time.Time) error {
	it, err := s.ledger.db.NewIter(&pebble.IterOptions{
		LowerBound: prefix(parkedKind, s.id, 0), UpperBound: prefix(parkedKind, s.id+1, 0),
	})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		origin, at := splitParked(it.Value())
		spot, ok := splitSpot(at)
		if !ok {
			return closeIter(it, errOldRows)
		}
		k := send.Key(it.Key()[5:])
		s.count(spot, k, 1)
		switch mark, known := s.index.get(k, now); {
		case !known: // the journal does not reach back to it
			s.index.put(k, Mark{Origin: origin}, now)
		case mark.Settled:
			s.outlived = append(s.outlived, k)
		}
	}
	return closeIter(it, nil)
}
