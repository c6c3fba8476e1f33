package ledger

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/carillonhq/carillon/engine/send"
)

// Entry is one settled input record.
type Entry struct {
	Key    send.Key // zero: the record held no send
	Origin uint64
	// Input is the topic it came from, and Offset its place there; an Input of
	// NoInput says that a parked send was settled, whose record was done long ago.
	Input  uint8
	Offset int64
	// Parked: it is not finished but waits in the ledger.
	Parked bool
}

// NoInput marks an entry whose input record was done before.
const NoInput = 0xff

// Position is how far the ledger has followed a shard's topics: the next
// offsets to read. -1 where it has read nothing.
type Position struct{ Status, Ledger int64 }

// journal heads an entry: the packed settled records of one batch. One is
// written per batch, in sequence, which costs a thirtieth of a row per id.
type journal struct {
	at     time.Time
	pos    Position
	oldest uint64 // the first entry that is left, by which a gap at the beginning shows
}

const (
	journalHeader = 32
	entrySize     = 16 + 8 + 8 + 2
)

func appendJournal(b []byte, j journal, entries []Entry) []byte {
	for _, v := range []int64{j.at.UnixMilli(), j.pos.Status, j.pos.Ledger, int64(j.oldest)} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	for i := range entries {
		e := &entries[i]
		b = append(b, e.Key[:]...)
		b = binary.BigEndian.AppendUint64(b, e.Origin)
		b = binary.BigEndian.AppendUint64(b, uint64(e.Offset))
		parked := byte(0)
		if e.Parked {
			parked = 1
		}
		b = append(b, e.Input, parked)
	}
	return b
}

func parseJournal(b []byte, each func(Entry)) (j journal, err error) {
	if len(b) < journalHeader || (len(b)-journalHeader)%entrySize != 0 {
		return j, fmt.Errorf("%w: an entry has %d bytes", errJournal, len(b))
	}
	number := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
	j = journal{time.UnixMilli(number(0)), Position{number(8), number(16)}, uint64(number(24))}
	for b = b[journalHeader:]; len(b) > 0; b = b[entrySize:] {
		each(Entry{
			Key:    send.Key(b[:16]),
			Origin: binary.BigEndian.Uint64(b[16:]),
			Offset: number(24),
			Input:  b[32], Parked: b[33] == 1,
		})
	}
	return j, nil
}
