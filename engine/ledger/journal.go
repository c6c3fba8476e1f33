package ledger

import (
	"encoding/binary"
	"errors"
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

// Journal entries: time and position, then packed entries. One is written per
// settled batch, in sequence, which costs a thirtieth of a row per id.
const (
	journalHeader = 24
	entrySize     = 16 + 8 + 8 + 2
)

var errJournal = errors.New("ledger: damaged journal entry")

func appendJournal(b []byte, at time.Time, p Position, entries []Entry) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Status))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Ledger))
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

func parseJournal(b []byte, each func(Entry)) (at time.Time, p Position, err error) {
	if len(b) < journalHeader || (len(b)-journalHeader)%entrySize != 0 {
		return at, p, errJournal
	}
	at = time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	p.Status = int64(binary.BigEndian.Uint64(b[8:]))
	p.Ledger = int64(binary.BigEndian.Uint64(b[16:]))
	for b = b[journalHeader:]; len(b) > 0; b = b[entrySize:] {
		each(Entry{
			Key:    send.Key(b[:16]),
			Origin: binary.BigEndian.Uint64(b[16:]),
			Offset: int64(binary.BigEndian.Uint64(b[24:])),
			Input:  b[32], Parked: b[33] == 1,
		})
	}
	return at, p, nil
}
