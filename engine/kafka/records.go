package kafka

import (
	"slices"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
)

// maxHeaders bounds the headers of one record, each of which costs twenty
// times its shortest encoding.
const maxHeaders = 1 << 16

// Records hands the fetched records from the asked offset on to yield, in
// order. Control batches, records of aborted transactions and the cut-off end
// of the answer are left out. The Record is reused for the next call; what its
// fields point to is not.
//
// It returns yield's error at once, f.Err, or a *BatchError for a batch that
// cannot be read; Next then is the offset of the first record not accepted.
// It may be called again, and begins anew. One goroutine at a time.
func (f *Fetched) Records(yield func(*Record) error) error {
	f.next = f.offset
	if f.Err != nil {
		return f.Err
	}
	open := abortedProducers{coming: f.aborted}
	reader := recordReader{yield: yield}
	for raw, first := f.raw, true; len(raw) > 0; first = false {
		b, rest, reason := cutBatch(raw)
		switch {
		case b == nil && reason == "" && first:
			// A broker answers the first batch whole; asking again would not help.
			reason = "shorter than its length says"
		case b == nil && reason == "":
			return nil
		case b != nil && !b.intact():
			reason = "checksum is wrong"
		case b != nil && (b.lastDelta() < 0 || b.baseOffset() < 0 || b.next() < 0):
			reason = "offsets damaged"
		}
		if reason != "" {
			return f.unreadable(b, reason)
		}
		raw = rest
		aborted := open.drop(b) && !fault.Mutant(fault.AbortedRecordsRead)
		if b.next() <= f.next {
			continue
		}
		if !aborted && !b.is(attrControl) {
			if err := f.batchRecords(b, &reader); err != nil {
				return err
			}
		}
		f.next = b.next()
	}
	return nil
}

func (f *Fetched) unreadable(b batch, reason string) *BatchError {
	e := &BatchError{Partition: f.Partition, Offset: f.next, NextOffset: f.next + 1, Reason: reason}
	if b != nil && b.lastDelta() >= 0 && b.next() > f.next {
		e.NextOffset = b.next()
	}
	return e
}

func (f *Fetched) batchRecords(b batch, r *recordReader) error {
	body := []byte(b[headerSize:])
	if codec := b.codec(); codec != None {
		var err error
		if body, err = decompress(codec, body, f.limit); err != nil {
			return f.unreadable(b, err.Error())
		}
	}
	r.batch, r.body, r.last = b, cursor{b: body}, -1
	for range b.count() {
		reason := r.next()
		switch {
		case reason != "":
			return f.unreadable(b, reason)
		case r.record.Offset < f.next:
			continue
		}
		if err := r.yield(&r.record); err != nil {
			return err
		}
		f.next = r.record.Offset + 1
	}
	return nil
}

// recordReader reads the records of one batch after another.
type recordReader struct {
	yield   func(*Record) error
	batch   batch
	body    cursor
	last    int64 // offset delta of the record before
	record  Record
	headers []Header // what is still free of a chunk that records share
}

// next reads one record, or says why it cannot.
func (r *recordReader) next() (reason string) {
	const damaged = "record damaged"
	c := cursor{b: r.body.field()}
	c.take(1) // attributes: unused
	at, delta := c.varint(), c.varint()
	if r.body.bad || c.bad || delta <= r.last || delta > int64(r.batch.lastDelta()) {
		return damaged
	}
	r.last = delta
	r.record.Offset = r.batch.baseOffset() + delta
	if r.batch.is(attrLogAppendTime) {
		r.record.Time = time.UnixMilli(r.batch.maxTime())
	} else {
		r.record.Time = time.UnixMilli(r.batch.baseTime() + at)
	}
	r.record.Key, r.record.Value = c.field(), c.field()
	count := c.varint()
	if c.bad || count < 0 || count > int64(len(c.b)/2) {
		return damaged
	}
	if count > maxHeaders {
		return "record has too many headers"
	}
	r.readHeaders(&c, int(count))
	if c.bad {
		return damaged
	}
	return ""
}

// readHeaders fills in the record's headers. Records mostly have the headers
// of the record before, so their keys are shared rather than allocated.
func (r *recordReader) readHeaders(c *cursor, n int) {
	before := r.record.Headers
	r.record.Headers = nil
	if n == 0 {
		return
	}
	if n > len(r.headers) {
		r.headers = make([]Header, max(n, 64))
	}
	headers := r.headers[:n:n]
	r.headers = r.headers[n:]
	for i := range headers {
		key := c.field()
		if i < len(before) && before[i].Key == string(key) {
			headers[i].Key = before[i].Key
		} else {
			headers[i].Key = string(key)
		}
		headers[i].Value = c.field()
	}
	r.record.Headers = headers
}

// abortedProducers follows which producers are inside an aborted transaction
// while batches go by, as Kafka's own consumer does (CompletedFetch).
type abortedProducers struct {
	coming []abortedTxn // by first offset
	open   []int64      // producer ids; few at any moment
}

// drop tells whether the batch belongs to an aborted transaction.
func (a *abortedProducers) drop(b batch) bool {
	for len(a.coming) > 0 && a.coming[0].first < b.next() {
		a.open = append(a.open, a.coming[0].producer)
		a.coming = a.coming[1:]
	}
	if len(a.open) == 0 || !b.is(attrTransactional) {
		return false
	}
	i := slices.Index(a.open, b.producer())
	if i >= 0 && b.is(attrControl) {
		if abortMarker(b) {
			a.open = slices.Delete(a.open, i, i+1)
		}
	}
	return i >= 0
}

// abortMarker tells whether a control batch ends a transaction by aborting
// it: its one record's key is a version and type 0, both int16.
func abortMarker(b batch) bool {
	c := cursor{b: b[headerSize:]}
	r := cursor{b: c.field()}
	r.take(1)
	r.varint()
	r.varint()
	key := cursor{b: r.field()}
	key.int16()
	return key.int16() == 0 && !key.bad
}
