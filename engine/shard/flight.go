package shard

import (
	"strconv"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// flight is what one turn of the loop writes: records for Kafka, and the batch
// for the ledger that follows once all of them are acknowledged. Once landed its
// memory is used again, arena and headers with it: the records' bytes are there.
type flight struct {
	records  [parts][]kafka.Record
	moved    map[kafka.Partition][]kafka.Record // to partitions that are not the shard's own
	batch    ledger.Batch
	opened   []*item            // whose attempts begin when it lands
	decided  []*controlv1.Doubt // carried out when it lands
	rows     []*member          // that are parked when it lands
	versions []*version         // the same
	over     []over             // parked sends that have their outcome when it lands
	missing  int                // acknowledgements
	arena    []byte
	headers  []kafka.Header
}

// part is a topic that a flight writes to in the shard's own partition.
type part uint8

const (
	statusPart part = iota
	ledgerPart
	invalidPart
	parts
	movedPart // another partition
)

// mostFlying bounds the flights on their way: what comes meanwhile is gathered
// into the next one, so that batches grow as Kafka slows.
const mostFlying = 4

func (s *Shard) newFlight() *flight {
	f := &flight{}
	if n := len(s.landed); n > 0 {
		f, s.landed = s.landed[n-1], s.landed[:n-1]
	}
	f.batch.Pos = ledger.Position{Status: -1, Ledger: -1}
	return f
}

// reset empties the flight, once it has landed, and keeps its memory, but not
// what that points to.
func (f *flight) reset() {
	for p := range f.records {
		clear(f.records[p])
		f.records[p] = f.records[p][:0]
	}
	clear(f.batch.Park)
	clear(f.headers)
	*f = flight{
		records: f.records, arena: f.arena[:0], headers: f.headers[:0],
		batch: ledger.Batch{Entries: f.batch.Entries[:0], Park: f.batch.Park[:0], Drop: f.batch.Drop[:0], Counts: f.batch.Counts[:0]},
	}
}

func (f *flight) empty() bool {
	return len(f.batch.Entries)+len(f.batch.Drop)+len(f.records[statusPart]) == 0
}

// over is a parked send that is finished. Its row goes by the next flight: a
// tombstone that Kafka has without the outcome would leave nothing of the send.
type over struct {
	ledger.Drop
	record []byte // key of the record in `ledger`
}

// drop takes a row away.
func (f *flight) drop(o over) {
	f.batch.Drop = append(f.batch.Drop, o.Drop)
	if !fault.Mutant(fault.TombstoneForgotten) {
		f.records[ledgerPart] = append(f.records[ledgerPart], kafka.Record{Key: o.record})
	}
}

var (
	jsonType     = kafka.Header{Key: "content-type", Value: []byte("application/json")}
	protobufType = kafka.Header{Key: "content-type", Value: []byte("application/x-protobuf")}
)

// status adds a status event.
func (f *flight) status(it *item, e *carillonv1.Status, protobuf bool) {
	var value []byte
	first := len(f.headers)
	if protobuf {
		value, _ = e.MarshalVT() // fails only on a message that changes meanwhile
		f.headers = append(f.headers, protobufType)
	} else {
		from := len(f.arena)
		f.arena = send.AppendStatusJSON(f.arena, e)
		value = f.arena[from:len(f.arena):len(f.arena)]
		f.headers = append(f.headers, jsonType)
	}
	if it.Send.Traceparent != "" {
		f.headers = append(f.headers, kafka.Header{Key: "traceparent", Value: f.keep(it.Send.Traceparent)})
	}
	if it.input != noInput && !fault.Mutant(fault.PlaceForgotten) {
		from := len(f.arena)
		f.arena = it.appendPlace(f.arena)
		f.headers = append(f.headers, kafka.Header{Key: intake.InputHeader, Value: f.arena[from:len(f.arena):len(f.arena)]})
	}
	f.records[statusPart] = append(f.records[statusPart], kafka.Record{
		Key: f.keep(it.Send.To.Id), Value: value, Headers: f.headers[first:len(f.headers):len(f.headers)],
	})
}

// keep copies a string into the arena. A slice of the arena stays good when the
// arena grows: it then has the old one's bytes.
func (f *flight) keep(text string) []byte {
	from := len(f.arena)
	f.arena = append(f.arena, text...)
	return f.arena[from:len(f.arena):len(f.arena)]
}

// settled notes that the item is finished.
func (f *flight) settled(it *item) {
	if it.parked {
		f.over = append(f.over, over{ledger.Drop{Key: it.key, At: it.row}, ledgerKey(it.Send)})
		if fault.Mutant(fault.TombstoneFirst) {
			f.drop(f.over[len(f.over)-1])
			f.over = f.over[:len(f.over)-1]
		}
	}
	f.entry(it, false)
}

func (f *flight) entry(it *item, parked bool) {
	f.batch.Entries = append(f.batch.Entries, ledger.Entry{
		Key: it.key, Origin: it.origin, Input: it.input, Offset: it.offset, Parked: parked,
	})
}

// skip notes that an input record brings nothing new: it is our own doing.
func (f *flight) skip(it *item) {
	f.batch.Entries = append(f.batch.Entries, ledger.Entry{Input: it.input, Offset: it.offset})
}

// park adds a record of the ledger.
func (f *flight) park(queue string, it *item, due time.Time) error {
	value, err := it.park(due).MarshalVT()
	if err != nil {
		return err
	}
	f.records[ledgerPart] = append(f.records[ledgerPart], kafka.Record{Key: ledgerKey(it.Send), Value: value})
	at := spotOf(queue, it.Send.App, due.UnixMilli())
	f.batch.Park = append(f.batch.Park, ledger.Row{
		Key: it.key, Origin: it.origin, Queue: at.Queue, Tenant: at.Tenant, Due: at.Due, Value: value, Fresh: !it.parked, Was: it.row,
	})
	f.entry(it, true)
	it.parked, it.row = true, at
	it.unsaved = false
	return nil
}

// invalidate keeps a record that holds no send: the original bytes, with the
// place and the reason as headers.
func (f *flight) invalidate(input uint8, rec *intake.Item) {
	place := sourceText(rec.Source)
	headers := []kafka.Header{
		{Key: intake.ReasonHeader, Value: []byte(rec.Invalid.Code)},
		{Key: intake.PathHeader, Value: []byte(rec.Invalid.Path)},
		{Key: intake.DetailHeader, Value: []byte(rec.Invalid.Detail)},
		{Key: intake.SourceHeader, Value: place},
	}
	for _, h := range rec.Record.Headers {
		if h.Key != intake.SourceHeader {
			headers = append(headers, h)
		}
	}
	headers = append(headers, kafka.Header{Key: intake.KeyHeader, Value: rec.Record.Key})
	f.records[invalidPart] = append(f.records[invalidPart], kafka.Record{
		Key: place, Value: rec.Record.Value, Headers: headers,
	})
	f.batch.Entries = append(f.batch.Entries, ledger.Entry{Input: input, Offset: rec.Offset})
}

// forward moves a record to its recipient's shard.
func (f *flight) forward(topic string, input uint8, rec *intake.Item) {
	to := kafka.Partition{Topic: topic, Index: rec.Shard}
	headers := append(rec.Record.Headers[:len(rec.Record.Headers):len(rec.Record.Headers)],
		kafka.Header{Key: intake.SourceHeader, Value: sourceText(rec.Source)})
	if fault.Mutant(fault.SourceForgotten) {
		headers = rec.Record.Headers
	}
	f.move(to, kafka.Record{
		// The accepted time travels with the record: the topics keep the
		// producer's timestamp.
		Time: rec.Accepted, Key: []byte(rec.Send.To.Id), Value: rec.Record.Value, Headers: headers,
	})
	f.batch.Entries = append(f.batch.Entries, ledger.Entry{Input: input, Offset: rec.Offset})
}

// move adds a record to a partition that is not the shard's own.
func (f *flight) move(to kafka.Partition, r kafka.Record) {
	if f.moved == nil {
		f.moved = map[kafka.Partition][]kafka.Record{}
	}
	f.moved[to] = append(f.moved[to], r)
}

func sourceText(s send.Source) []byte {
	b := append([]byte(s.Topic), '/')
	b = strconv.AppendInt(b, int64(s.Partition), 10)
	return strconv.AppendInt(append(b, '/'), s.Offset, 10)
}

// takeOff hands what was gathered to Kafka.
func (s *Shard) takeOff(now time.Time) {
	if s.pend.empty() || len(s.flying) >= mostFlying || s.failed != nil {
		return
	}
	fault.Point(fault.BeforeOutcome)
	f := s.pend
	s.pend = s.newFlight()
	s.flying = append(s.flying, f)
	s.unacked += len(f.batch.Entries)
	f.batch.At = now
	for p := range parts {
		if len(f.records[p]) > 0 {
			f.missing++
		}
	}
	f.missing += len(f.moved)
	for p := range parts {
		if len(f.records[p]) > 0 {
			s.produce(f, p, s.partOf(p), f.records[p])
		}
	}
	for to, records := range f.moved {
		s.produce(f, movedPart, to, records)
	}
	if fault.Mutant(fault.CommitBeforeAck) {
		s.finish(f)
	}
}

// longFlight is how long Kafka may take for a flight until no further attempt
// begins: its outcome might not be written either.
const longFlight = 2 * time.Second

// stall says whether what is not acknowledged is too much, or too old, for new
// attempts, and for how long that stays so by itself. What waits in lanes is
// then taken back. Verdicts are kept, however long: nothing is sent again since
// its outcome could not be written.
func (s *Shard) stall(now time.Time) (bool, time.Duration) {
	const noEnd = time.Hour
	if fault.Mutant(fault.OutageIgnored) {
		return false, noEnd
	}
	if s.unacked+len(s.pend.batch.Entries) >= s.cfg.Window {
		return true, noEnd
	}
	if len(s.flying) == 0 {
		s.stalled = false
		return false, noEnd
	}
	left := longFlight - now.Sub(s.flying[0].batch.At)
	if left > 0 {
		s.stalled = false
		return false, left
	}
	if !s.stalled {
		s.stalled = true
		s.withdraw()
	}
	return true, noEnd
}

func (s *Shard) produce(f *flight, p part, to kafka.Partition, records []kafka.Record) {
	s.env.Outcomes.Produce(to, records, func(base int64, err error) {
		s.mail.ack(ack{flight: f, part: p, to: to, base: base, err: err})
	})
}

func (s *Shard) partOf(p part) kafka.Partition {
	switch p {
	case statusPart:
		return kafka.Partition{Topic: s.cfg.Topics.Status, Index: s.cfg.ID}
	case ledgerPart:
		return kafka.Partition{Topic: s.cfg.Topics.Ledger, Index: s.cfg.ID}
	default:
		return kafka.Partition{Topic: s.cfg.Topics.Invalid, Index: s.cfg.ID % s.cfg.InvalidPartitions}
	}
}
