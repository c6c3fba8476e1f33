package shard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillonhq/carillon/engine/fault"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// Reader reads one of the shard's partitions to its present end. from -1 is
// the beginning; where the log no longer reaches back that far, it starts at
// what is left.
type Reader interface {
	Tail(ctx context.Context, p kafka.Partition, from int64, each func(*kafka.Record) error) (next int64, err error)
	// Since returns the offset of the first record that is not older than t.
	Since(ctx context.Context, p kafka.Partition, t time.Time) (int64, error)
}

// Restorer brings a shard's ledger up to what Kafka holds.
type Restorer struct {
	Config Config
	Ledger Ledger
	Reader Reader
	Window time.Duration // of dedupe
	Now    time.Time

	done    [2]map[int64]bool
	settled [2]int64 // behind the last input record that is known to be finished
	batch   ledger.Batch
	parking map[send.Key]bool         // in batch
	stale   map[string]bool           // keys of ledger records whose send is settled
	again   map[send.Key]parkedRecord // of an id whose last known outcome is another send's
}

// Done notes an entry of the ledger's journal: its input record is finished.
func (r *Restorer) Done(e ledger.Entry) {
	if e.Input == ledger.NoInput {
		return
	}
	r.settled[e.Input] = max(r.settled[e.Input], e.Offset+1)
	r.finished(int(e.Input), e.Offset)
}

func (r *Restorer) finished(input int, offset int64) {
	if offset < r.Config.Found[input].Low {
		return
	}
	if r.done[input] == nil {
		r.done[input] = map[int64]bool{}
	}
	r.done[input][offset] = true
}

// Settled returns the offset behind the last record of an input that the ledger,
// `status` or `ledger` know to be finished; 0 where they know of none.
func (r *Restorer) Settled(input int) int64 { return r.settled[input] }

// Restore reads what the ledger has not seen of `status` and `ledger`. It
// returns the input offsets that are finished above the committed ones, by these
// and by the commit itself, and the tombstones that a crash kept from being
// written.
func (r *Restorer) Restore(ctx context.Context) (done [2]map[int64]bool, stale [][]byte, err error) {
	status := kafka.Partition{Topic: r.Config.Topics.Status, Index: r.Config.ID}
	led := kafka.Partition{Topic: r.Config.Topics.Ledger, Index: r.Config.ID}
	from := r.Ledger.Position()
	r.reset()
	if r.stale == nil { // whoever restores again and again owes what it owed
		r.stale = map[string]bool{}
	}
	r.again = map[send.Key]parkedRecord{}
	for i, found := range r.Config.Found {
		if fault.Mutant(fault.MapNotRead) {
			break
		}
		for _, run := range found.Done {
			for o := run.From; o < run.To; o++ {
				r.finished(i, o)
			}
		}
	}
	if from.Status < 0 {
		if from.Status, err = r.begin(ctx, status); err != nil {
			return done, nil, fmt.Errorf("find the dedupe window in %s: %w", status, err)
		}
	}
	if err := r.recount(ctx, status, from.Status); err != nil {
		return done, nil, err
	}
	next, err := r.Reader.Tail(ctx, status, from.Status, r.statusRecord)
	if err != nil {
		return done, nil, fmt.Errorf("restore from %s: %w", status, err)
	}
	for _, k := range r.Ledger.Outlived() {
		if err := r.outlived(k); err != nil {
			return done, nil, err
		}
	}
	r.batch.Pos.Status = next
	if err := r.apply(); err != nil {
		return done, nil, err
	}
	fault.Point(fault.DuringRestore)
	if next, err = r.Reader.Tail(ctx, led, from.Ledger, r.ledgerRecord); err != nil {
		return done, nil, fmt.Errorf("restore from %s: %w", led, err)
	}
	for _, p := range r.again { // no tombstone came behind it: it is the later send
		if err := r.park(p); err != nil {
			return done, nil, err
		}
	}
	r.batch.Pos.Ledger = next
	for _, k := range slices.Sorted(maps.Keys(r.stale)) {
		stale = append(stale, []byte(k))
	}
	return r.done, stale, r.apply()
}

var errFound = errors.New("a record was found")

// begin returns where the dedupe window begins in `status`. Where nothing has been
// written in it, because no node ran, it is the one that ends with the last record:
// what was being finished when the nodes stopped is there and nowhere else.
func (r *Restorer) begin(ctx context.Context, status kafka.Partition) (int64, error) {
	from, err := r.Reader.Since(ctx, status, r.Now.Add(-r.Window))
	if err != nil {
		return 0, err
	}
	var last time.Time
	for back := int64(0); back <= from; back = max(1, 2*back) { // some offsets hold no record
		_, err := r.Reader.Tail(ctx, status, from-back, func(rec *kafka.Record) error {
			last = rec.Time
			return errFound
		})
		switch {
		case err == nil:
			continue
		case !errors.Is(err, errFound):
			return 0, err
		case back == 0:
			return from, nil
		}
		return r.Reader.Since(ctx, status, last.Add(-r.Window))
	}
	return from, nil
}

func (r *Restorer) reset() {
	r.parking = map[send.Key]bool{}
	r.batch = ledger.Batch{At: r.Now, Pos: ledger.Position{Status: -1, Ledger: -1}}
}

const restoreBatch = 1024

func (r *Restorer) add(e ledger.Entry) error {
	r.Done(e)
	r.batch.Entries = append(r.batch.Entries, e)
	if len(r.batch.Entries) < restoreBatch {
		return nil
	}
	return r.apply()
}

func (r *Restorer) apply() error {
	defer r.reset()
	return r.Ledger.Apply(&r.batch)
}

// statusRecord learns a settled send. A record that is no status event is
// somebody else's: it can't settle anything.
func (r *Restorer) statusRecord(rec *kafka.Record) error {
	e, err := send.ParseStatus(rec.Value, rec.Headers)
	if err != nil || fault.Mutant(fault.RestoreSkipsStatus) {
		return nil //nolint:nilerr // not ours, as said above
	}
	if e.Kind != carillonv1.Kind_KIND_OUTCOME {
		return nil
	}
	entry := ledger.Entry{
		Key:    send.KeyOf(e.App, e.Recipient, e.Id),
		Origin: originOf(send.Source{Topic: e.Source.GetTopic(), Partition: e.Source.GetPartition(), Offset: e.Source.GetOffset()}),
		Input:  noInput,
	}
	for _, h := range rec.Headers {
		if h.Key == intake.InputHeader {
			entry.Input, entry.Offset = parsePlace(h.Value)
		}
	}
	if e.Status == carillonv1.State_STATE_DUPLICATE {
		// It settles its record alone: the id belongs to another.
		entry.Key = send.Key{}
	} else if err := r.outlived(entry.Key); err != nil {
		return err
	}
	if err := r.count(rec.Offset, e); err != nil {
		return err
	}
	return r.add(entry)
}

// outlived drops the row of a send that is finished, if it still has one, and
// owes its tombstone.
func (r *Restorer) outlived(k send.Key) error {
	if _, seen := r.Ledger.Seen(k, r.Now); !seen { // whoever has a row is in the index
		return nil
	}
	value, err := r.Ledger.Get(k)
	if err != nil || value == nil {
		return err
	}
	var p ledgerv1.Parked
	if err := p.UnmarshalVT(value); err != nil {
		return fmt.Errorf("read a parked send: %w", err)
	}
	r.batch.Drop = append(r.batch.Drop, ledger.Drop{Key: k})
	r.stale[string(ledgerKey(p.Send))] = true
	return nil
}

func parsePlace(b []byte) (uint8, int64) {
	input, offset, ok := strings.Cut(string(b), "/")
	o, err := strconv.ParseInt(offset, 10, 64)
	switch {
	case !ok || err != nil:
	case input == "0":
		return intake.Urgent, o
	case input == "1":
		return intake.Bulk, o
	}
	return noInput, 0
}

// Tombstones writes what a crash kept from being written, before the shard
// runs.
func Tombstones(ctx context.Context, out Outcomes, p kafka.Partition, keys [][]byte) error {
	if len(keys) == 0 || fault.Mutant(fault.DeadRowStays) {
		return nil
	}
	records := make([]kafka.Record, len(keys))
	for i, k := range keys {
		records[i].Key = k
	}
	written := make(chan error, 1)
	out.Produce(p, records, func(_ int64, err error) { written <- err })
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return errors.Join(ctx.Err())
	}
}
