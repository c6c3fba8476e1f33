package ledger

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/send"
)

// Shard is one shard's part of the ledger, with its index of ids. Only the
// goroutine that runs the shard may use it.
//
// The index is not in the Go heap. It is freed once nothing refers to the Shard,
// so what reads it keeps the Shard alive until it is through.
type Shard struct {
	id     int32
	ledger *Ledger
	index  *index
	pos    Position
	seq    uint64 // of the next journal entry
	oldest uint64 // of the first that is left
	marks  []journalMark
	queues map[string]*queue
	counts counts

	outlived []send.Key
}

// journalMark says when a sequence number was current: what the journal's
// expiry goes by.
type journalMark struct {
	seq uint64
	at  time.Time
	low [2]int64 // Batch.Low at that time
	top [2]int64 // behind the highest input offset from it on to the next mark
}

// Batch is what one settled batch changes, all at once.
type Batch struct {
	At      time.Time
	Entries []Entry
	Park    []Row
	Drop    []Drop
	// Pos is how far the shard's topics are now followed; a field of -1 leaves
	// it as it is.
	Pos Position
	// Counts are what went out, for frequency caps, and CountedTo is up to where in
	// `status` there is no more; it is not needed where Pos says so.
	Counts    []Count
	CountedTo int64
	// Low is, by input, the offset below which every record is finished.
	Low [2]int64
}

// looks says whether rows have to be found, those of the batch itself among them.
func (b *Batch) looks() bool {
	return slices.ContainsFunc(b.Drop, func(d Drop) bool { return d.At == Spot{} }) ||
		slices.ContainsFunc(b.Park, func(r Row) bool { return !r.Fresh && r.Was == Spot{} })
}

func (s *Shard) remember(entries []Entry, at time.Time) {
	if len(entries) == 0 {
		return
	}
	t := s.index.at(at)
	for i := range entries {
		if e := &entries[i]; e.Key != (send.Key{}) {
			t.put(e.Key, Mark{Origin: e.Origin, Settled: !e.Parked})
		}
	}
	s.index.count()
	runtime.KeepAlive(s)
}

// Position returns how far the shard's topics are followed.
func (s *Shard) Position() Position { return s.pos }

// Seen looks an id up: it is known while it is not settled, and for the window.
func (s *Shard) Seen(k send.Key, now time.Time) (Mark, bool) {
	defer runtime.KeepAlive(s)
	return s.index.get(k, now)
}

// Admit remembers an id that is now in flight. It is not durable: the input
// record is, until an Apply holds the id.
func (s *Shard) Admit(k send.Key, origin uint64, now time.Time) {
	s.index.put(k, Mark{Origin: origin}, now)
	runtime.KeepAlive(s)
}

// IDs returns how many ids the index holds.
func (s *Shard) IDs() int {
	defer runtime.KeepAlive(s)
	return s.index.len()
}

// Apply writes a batch whose records Kafka has acknowledged.
func (s *Shard) Apply(b *Batch) error {
	w := s.ledger.db.NewBatch()
	if b.looks() {
		w = s.ledger.db.NewIndexedBatch() // which costs more to write to
	}
	defer func() { _ = w.Close() }() // after a commit it only frees memory
	s.expire(w, b.At)
	j := journal{at: b.At, pos: s.pos, oldest: s.oldest}
	j.pos.Status, j.pos.Ledger = max(s.pos.Status, b.Pos.Status), max(s.pos.Ledger, b.Pos.Ledger)
	if err := s.log(w, j, b.Entries); err != nil {
		return err
	}
	if err := s.logCounts(w, b.At, b.Counts, max(j.pos.Status, b.CountedTo)); err != nil {
		return err
	}
	change := queueChange{shard: s, batch: w}
	for _, d := range b.Drop {
		if !fault.Mutant(fault.RowOutlivesSend) {
			change.drop(d.Key, d.At)
		}
	}
	for i := range b.Park {
		change.put(&b.Park[i])
	}
	err := change.err
	if err == nil { // half of it must not be written
		err = w.Commit(pebble.NoSync)
	}
	if err != nil {
		return fmt.Errorf("write to the ledger of shard %d: %w", s.id, s.ledger.check(err))
	}
	change.done()
	s.mark(s.seq, b.At, b.Low)
	s.applyCounts(s.seq, b.At, b.Counts, max(j.pos.Status, b.CountedTo))
	s.pos = j.pos
	s.seq++
	s.remember(b.Entries, b.At)
	for i := range b.Entries {
		s.reach(&b.Entries[i])
	}
	return nil
}

// log adds a journal entry to a write.
func (s *Shard) log(w *pebble.Batch, j journal, entries []Entry) error {
	key := binary.BigEndian.AppendUint64(prefix(journalKind, s.id, 8), s.seq)
	return w.Set(key, appendJournal(make([]byte, 0, journalHeader+entrySize*len(entries)), j, entries), nil)
}

// mark notes at most one sequence number per table of the index.
func (s *Shard) mark(seq uint64, at time.Time, low [2]int64) {
	if n := len(s.marks); n == 0 || at.Sub(s.marks[n-1].at) > s.index.window/tablesPerWindow {
		s.marks = append(s.marks, journalMark{seq: seq, at: at, low: low})
	}
}

// reach notes how far the entries of the newest mark go.
func (s *Shard) reach(e *Entry) {
	if e.Input != NoInput {
		m := &s.marks[len(s.marks)-1]
		m.top[e.Input] = max(m.top[e.Input], e.Offset+1)
	}
}

// expire drops, in one range deletion, the journal before the newest mark that
// is past the window: what is behind that mark may be within. It keeps what
// may be read again, since something before it is not finished: nothing else
// knows that it is. The last entry stays: it holds the position.
func (s *Shard) expire(w *pebble.Batch, now time.Time) {
	for len(s.marks) > 2 && now.Sub(s.marks[1].at) > s.index.window &&
		(s.committed(s.marks[0].top) || fault.Mutant(fault.JournalForgetsEarly)) {
		s.marks = s.marks[1:]
	}
	if len(s.marks) == 0 || s.marks[0].seq == s.oldest {
		return
	}
	from := prefix(journalKind, s.id, 0)
	to := binary.BigEndian.AppendUint64(prefix(journalKind, s.id, 8), s.marks[0].seq)
	_ = w.DeleteRange(from, to, nil) // fails only on a closed batch, and then the commit says so
	s.oldest = s.marks[0].seq
}

// committed goes by the mark before the newest: what was finished then has been
// committed since, so that it is not read again.
func (s *Shard) committed(top [2]int64) bool {
	low := s.marks[len(s.marks)-2].low
	return top[0] <= low[0] && top[1] <= low[1]
}
