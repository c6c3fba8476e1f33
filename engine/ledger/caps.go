package ledger

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/carillonhq/carillon/engine/caps"
	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/table"
)

// What went to recipients, for frequency caps, is kept as the journal is: one packed
// row per batch, under the batch's sequence number, until it is past the longest
// window. It has rows of its own, so that a version that knows of no caps reads the
// journal as ever. Such a version leaves the rows behind the journal; then, and where
// something else is counted than was, they are worth nothing: whoever restores the
// shard reads `status` again from as long ago (Recount).

// Caps says what is counted for frequency caps.
type Caps struct {
	caps.Shape
	// Scope names whose sends are counted, and for how long: what was counted by
	// another is no use. It is not 0.
	Scope uint64
	// Memory is what the counts of all shards take.
	Memory *table.Memory
}

// Count is a send that went out.
type Count struct {
	Key caps.Key
	At  caps.Stamp
	// Reserved says that it was until now.
	Reserved bool
}

// counts are a shard's.
type counts struct {
	*caps.Table
	scope  uint64 // of the rows that are written: 0 while they are incomplete
	pos    int64  // in `status`, up to which the table has all; -1 where it has not
	oldest uint64 // the first row that is left
	marks  []countMark
}

// countMark says when a sequence number was current.
type countMark struct {
	seq uint64
	at  time.Time
}

const (
	countHeader = 32 // time, scope, oldest row that was left, position
	countSize   = 8 + 4
)

// Counts returns what has gone to recipients, nil where nothing is capped.
func (s *Shard) Counts() *caps.Table { return s.counts.Table }

// Counted returns the offset in `status` up to which Counts has all that went out
// within the window; -1 where it has not. It is not behind the Position.
func (s *Shard) Counted() int64 { return s.counts.pos }

// Recount forgets all that is counted. What Batches count from here on is taken for
// incomplete until Recounted.
func (s *Shard) Recount() error {
	if err := s.dropCounts(); err != nil {
		return err
	}
	s.counts.free()
	s.counts = s.ledger.newCounts()
	runtime.AddCleanup(s, counts.free, s.counts)
	s.counts.oldest = s.seq
	return nil
}

// Recounted says that all is counted that `status` has up to an offset. The next
// Batch keeps that.
func (s *Shard) Recounted(to int64) { s.counts.pos, s.counts.scope = to, s.ledger.cfg.Caps.Scope }

func (l *Ledger) newCounts() counts {
	c := counts{pos: -1}
	if l.cfg.Caps != nil {
		c.Table = caps.New(l.cfg.Caps.Memory, l.cfg.Caps.Shape)
	}
	return c
}

func (c counts) free() {
	if c.Table != nil {
		c.Table.Free()
	}
}

func (s *Shard) dropCounts() error {
	err := s.ledger.db.DeleteRange(prefix(countKind, s.id, 0), prefix(countKind, s.id+1, 0), pebble.NoSync)
	if err != nil {
		return fmt.Errorf("drop what is counted of shard %d: %w", s.id, s.ledger.check(err))
	}
	return nil
}

// logCounts adds a batch's counts to a write: a row for each batch, since a journal
// that goes on without shows that another version was here.
func (s *Shard) logCounts(w *pebble.Batch, at time.Time, all []Count, pos int64) error {
	c := &s.counts
	if c.Table == nil {
		return nil
	}
	s.expireCounts(w, at)
	if fault.Mutant(fault.CapForgottenAtRestart) {
		all = nil
	}
	b := make([]byte, 0, countHeader+countSize*len(all))
	for _, v := range []uint64{uint64(at.UnixMilli()), c.scope, c.oldest, uint64(max(c.pos, pos))} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	for i := range all {
		b = append(b, all[i].Key[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(all[i].At))
	}
	return w.Set(binary.BigEndian.AppendUint64(prefix(countKind, s.id, 8), s.seq), b, nil)
}

// expireCounts drops the rows before the newest mark that is past the window.
func (s *Shard) expireCounts(w *pebble.Batch, now time.Time) {
	c, longest := &s.counts, s.ledger.cfg.Caps.Longest
	for len(c.marks) > 1 && now.Sub(c.marks[1].at) > longest {
		c.marks = c.marks[1:]
	}
	if len(c.marks) == 0 || c.marks[0].seq == c.oldest {
		return
	}
	to := binary.BigEndian.AppendUint64(prefix(countKind, s.id, 8), c.marks[0].seq)
	_ = w.DeleteRange(prefix(countKind, s.id, 0), to, nil) // fails only on a closed batch, and then the commit says so
	c.oldest = c.marks[0].seq
}

// countsPerWindow is how many marks there are in the longest window.
const countsPerWindow = 8

// mark notes when a row was written.
func (c *counts) mark(seq uint64, at time.Time, longest time.Duration) {
	if n := len(c.marks); n == 0 || at.Sub(c.marks[n-1].at) > longest/countsPerWindow {
		c.marks = append(c.marks, countMark{seq, at})
	}
}

// applyCounts follows a batch that was written.
func (s *Shard) applyCounts(seq uint64, at time.Time, all []Count, pos int64) {
	c := &s.counts
	if c.Table == nil {
		return
	}
	if c.scope != 0 {
		c.pos = max(c.pos, pos)
	}
	c.mark(seq, at, s.ledger.cfg.Caps.Longest)
	for i := range all {
		if all[i].Reserved {
			c.Release(all[i].Key)
		}
		c.Count(all[i].Key, all[i].At, at)
	}
	runtime.KeepAlive(s)
}

// loadCounts reads what is counted back, if it goes as far as the journal does.
func (s *Shard) loadCounts(now time.Time) error {
	c := &s.counts
	it, err := s.ledger.db.NewIter(&pebble.IterOptions{LowerBound: prefix(countKind, s.id, 0), UpperBound: prefix(countKind, s.id+1, 0)})
	if err != nil {
		return err
	}
	var some bool
	var last struct{ scope, oldest, pos, next uint64 }
	whole := s.ledger.cfg.Caps != nil
	for ok := it.First(); ok; ok = it.Next() {
		some = true
		if !whole {
			break
		}
		seq := binary.BigEndian.Uint64(it.Key()[len(it.Key())-8:])
		if len(c.marks) == 0 {
			c.oldest, last.next = seq, seq
		}
		if b := it.Value(); seq != last.next || len(b) < countHeader || (len(b)-countHeader)%countSize != 0 {
			whole = false
		} else {
			last.scope, last.oldest, last.pos = binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:])
			s.loadCount(seq, b, now)
		}
		last.next = seq + 1
	}
	if err := closeIter(it, nil); err != nil || s.ledger.cfg.Caps == nil {
		if some && err == nil { // they would be taken for whole one day
			err = s.dropCounts()
		}
		return err
	}
	if whole && some && last.scope == s.ledger.cfg.Caps.Scope && last.oldest == c.oldest && last.next == s.seq {
		s.Recounted(int64(last.pos))
	}
	return nil
}

// loadCount counts a row. A time that is still to come is of a clock that was wrong.
func (s *Shard) loadCount(seq uint64, b []byte, now time.Time) {
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	s.counts.mark(seq, at, s.ledger.cfg.Caps.Longest)
	latest := caps.At(now)
	for b = b[countHeader:]; len(b) > 0; b = b[countSize:] {
		s.counts.Count(caps.Key(b), min(caps.Stamp(binary.BigEndian.Uint32(b[8:])), latest), now)
	}
}
