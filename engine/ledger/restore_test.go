package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	"github.com/carillonhq/carillon/engine/shard"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

const (
	window     = 24 * time.Hour
	tombstones = 7 * 24 * time.Hour
)

// topic is a partition as Kafka keeps it: offsets stay when records go.
type topic struct {
	records []kafka.Record
	end     int64
}

func (p *topic) add(r kafka.Record) {
	r.Offset = p.end
	p.records = append(p.records, r)
	p.end++
}

// clean is what Kafka may do at any time: of each key it keeps the last record,
// and of tombstones only the young.
func (p *topic) clean(now time.Time) {
	last := map[string]int64{}
	for _, r := range p.records {
		last[string(r.Key)] = r.Offset
	}
	var left []kafka.Record
	for _, r := range p.records {
		if last[string(r.Key)] == r.Offset && (r.Value != nil || now.Sub(r.Time) < tombstones) {
			left = append(left, r)
		}
	}
	p.records = left
}

// retain drops what is older.
func (p *topic) retain(since time.Time) {
	for len(p.records) > 0 && p.records[0].Time.Before(since) {
		p.records = p.records[1:]
	}
}

// world is one shard's topics, the nodes' disks, and the sends that should be
// parked.
type world struct {
	*rapid.T
	now    time.Time
	topics map[string]*topic
	disks  [2]*vfs.MemFS
	copies []*vfs.MemFS
	owner  int // whose ledger is open
	open   *ledger.Ledger
	shard  *ledger.Shard
	sends  int64
	source map[string]int64     // id → the offset of the record that has it now
	ended  map[string]time.Time // id → its last outcome
	parked map[string]uint32    // id → attempt
}

// Tail and Since implement shard.Reader.
func (w *world) Tail(_ context.Context, p kafka.Partition, from int64, each func(*kafka.Record) error) (int64, error) {
	for _, r := range w.topics[p.Topic].records {
		if r.Offset >= from {
			if err := each(&r); err != nil {
				return r.Offset, err
			}
		}
	}
	return w.topics[p.Topic].end, nil
}

func (w *world) Since(_ context.Context, p kafka.Partition, t time.Time) (int64, error) {
	for _, r := range w.topics[p.Topic].records {
		if !r.Time.Before(t) {
			return r.Offset, nil
		}
	}
	return w.topics[p.Topic].end, nil
}

func (w *world) must(err error) {
	if err != nil {
		w.Fatal(err)
	}
}

// take makes a node the owner, as after a rebalance, and checks what it knows.
func (w *world) take(node int) {
	w.must(w.shut())
	var err error
	w.open, err = ledger.Open(ledger.Config{Dir: "db", FS: w.disks[node], Window: window, Tombstones: tombstones}, zerolog.Nop())
	w.must(err)
	w.owner = node
	r := &shard.Restorer{Reader: w, Window: window, Now: w.now}
	r.Config.Topics.Status, r.Config.Topics.Ledger = "status", "ledger"
	w.shard, err = w.open.Load(0, w.now, r.Done)
	w.must(err)
	r.Ledger = w.shard
	_, stale, err := r.Restore(context.Background())
	w.must(err)
	for _, k := range stale {
		w.topics["ledger"].add(kafka.Record{Key: k, Time: w.now})
	}
	w.check()
}

func (w *world) shut() error {
	if w.open == nil {
		return nil
	}
	return w.open.Close()
}

// check compares what is parked with what should be.
func (w *world) check() {
	got := map[string]uint32{}
	w.shard.Queues(func(name string, _ int, _ int64) {
		w.must(w.shard.Due(name, "a", math.MaxInt64, func(_ send.Key, value []byte) bool {
			var p ledgerv1.Parked
			w.must(p.UnmarshalVT(value))
			got[p.Send.Id] = p.Attempt
			return true
		}))
	})
	if !maps.Equal(got, w.parked) {
		w.Fatalf("parked by id, with the attempt: %v, want %v", got, w.parked)
	}
}

func newWorld(t *rapid.T) *world {
	w := &world{
		T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		topics: map[string]*topic{"status": {}, "ledger": {}}, disks: [2]*vfs.MemFS{vfs.NewMem(), vfs.NewMem()},
		source: map[string]int64{}, ended: map[string]time.Time{}, parked: map[string]uint32{},
	}
	w.take(0)
	return w
}

// accept takes a send in, which has to wait.
func (w *world) accept(id string) {
	w.sends++
	w.source[id] = w.sends
	w.park(id)
}

func (w *world) place(id string) *carillonv1.Source {
	return &carillonv1.Source{Topic: "sends", Offset: w.source[id]}
}

// park writes a send and applies it.
func (w *world) park(id string) {
	w.parked[id]++
	p := &ledgerv1.Parked{
		Send:   &carillonv1.Send{App: "a", Id: id, To: &carillonv1.Recipient{Id: "r"}},
		Source: w.place(id), Attempt: w.parked[id], Offset: w.source[id],
	}
	value, err := p.MarshalVT()
	w.must(err)
	w.topics["ledger"].add(kafka.Record{Key: []byte("a\x00r\x00" + id), Value: value, Time: w.now})
	k := send.KeyOf("a", "r", id)
	w.must(w.shard.Apply(&ledger.Batch{
		At: w.now, Pos: ledger.Position{Status: -1, Ledger: w.topics["ledger"].end},
		Entries: []ledger.Entry{{Key: k, Offset: p.Offset, Parked: true}},
		Park:    []ledger.Row{{Key: k, Queue: "time", Tenant: "a", Value: value}},
	}))
}

// finish writes an outcome and, unless the node dies before that, a tombstone.
func (w *world) finish(id string, dies bool) {
	delete(w.parked, id)
	w.ended[id] = w.now
	e := &carillonv1.Status{
		EventId: "0f1e2d3c4b5a69788796a5b4c3d2e1f0", Kind: carillonv1.Kind_KIND_OUTCOME, Status: carillonv1.State_STATE_SENT,
		Id: id, App: "a", Recipient: "r", Channel: "email", Attempt: 1, Source: w.place(id),
		AcceptedAt: timestamppb.New(w.now), At: timestamppb.New(w.now),
	}
	w.topics["status"].add(kafka.Record{Key: []byte("r"), Value: send.AppendStatusJSON(nil, e), Time: w.now})
	if dies { // and nobody is there for a while, and then perhaps without a disk
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 4*24).Draw(w.T, "hours without a node")) * time.Hour)
		if rapid.Bool().Draw(w.T, "disk lost") {
			w.disks[1-w.owner] = vfs.NewMem()
		}
		w.take(1 - w.owner)
		return
	}
	w.topics["ledger"].add(kafka.Record{Key: []byte("a\x00r\x00" + id), Time: w.now})
	k := send.KeyOf("a", "r", id)
	w.must(w.shard.Apply(&ledger.Batch{
		At: w.now, Pos: ledger.Position{Status: w.topics["status"].end, Ledger: w.topics["ledger"].end},
		Entries: []ledger.Entry{{Key: k, Input: ledger.NoInput}}, Drop: []ledger.Drop{{Key: k}},
	}))
}

func (w *world) copyOf(fs *vfs.MemFS) *vfs.MemFS {
	c := vfs.NewMem()
	if _, err := vfs.Clone(fs, c, "db", "db"); err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) step() {
	switch rapid.IntRange(0, 10).Draw(w.T, "what") {
	case 0, 1:
		w.accept(fmt.Sprint(w.sends + 1))
	case 2, 3, 4:
		if len(w.parked) == 0 {
			return
		}
		id := rapid.SampledFrom(sorted(w.parked)).Draw(w.T, "id")
		if rapid.Bool().Draw(w.T, "again") {
			w.park(id)
		} else {
			w.finish(id, rapid.IntRange(0, 3).Draw(w.T, "dies") == 0)
		}
	case 5:
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 5*24).Draw(w.T, "hours")) * time.Hour)
	case 6:
		w.topics["ledger"].clean(w.now)
		w.topics["status"].retain(w.now.Add(-7 * window))
	case 7:
		w.take(1 - w.owner)
	case 8: // a copy is made of a disk at rest
		w.take(1 - w.owner)
		w.copies = append(w.copies, w.copyOf(w.disks[1-w.owner]))
	case 9: // a disk is lost, or an old copy is put in its place
		other := 1 - w.owner
		w.disks[other] = vfs.NewMem()
		if i := rapid.IntRange(0, len(w.copies)).Draw(w.T, "copy"); i < len(w.copies) {
			w.disks[other] = w.copyOf(w.copies[i])
		}
		w.take(other)
	case 10: // an id is used again, which may be after the window
		for _, id := range sorted(w.ended) {
			if _, waits := w.parked[id]; !waits && w.now.Sub(w.ended[id]) > 2*window {
				w.accept(id)
				return
			}
		}
	}
}

func sorted[V any](m map[string]V) (ids []string) {
	for i := 1; i < 1000; i++ {
		if _, ok := m[fmt.Sprint(i)]; ok {
			ids = append(ids, fmt.Sprint(i))
		}
	}
	return ids
}

// Whatever the topic `ledger` has lost by compaction, and however old the disk
// is that follows it: what is parked is what should be, at its last attempt.
// There is no rule by which a higher attempt wins, since there is one writer at a
// time: the last record of a key by offset is the last by attempt as well.
func TestRestoreFromAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.step()
		}
		w.take(1 - w.owner)
		w.must(w.shut())
	})
}

// A copy of the disk from before a send was finished, put back when the topic
// has no trace of it any more: it is too old to go on from.
func TestOldCopyPutBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.accept("1")
		w.accept("2")
		w.take(1)
		old := w.copyOf(w.disks[0])
		w.finish("1", false)
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 60*24).Draw(t, "hours")) * time.Hour)
		w.topics["ledger"].clean(w.now)
		w.topics["status"].retain(w.now.Add(-2 * window))
		w.disks[0] = old
		w.take(0) // which compares
		w.must(w.shut())
	})
}

// Its clock went wrong: the time of the last batch says nothing then.
func TestStateFromTheFuture(t *testing.T) {
	fs := vfs.NewMem()
	l, err := ledger.Open(ledger.Config{Dir: "db", FS: fs, Window: window}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		ahead time.Duration
		kept  bool
	}{{time.Hour, true}, {80 * time.Hour, true}, {90 * time.Hour, false}} {
		s, err := l.Load(0, now.Add(c.ahead), func(ledger.Entry) {})
		err = errors.Join(err, s.Apply(&ledger.Batch{At: now.Add(c.ahead), Pos: ledger.Position{Status: 1, Ledger: 1}}))
		if err != nil {
			t.Fatal(err)
		}
		if s, err = l.Load(0, now, func(ledger.Entry) {}); err != nil || s.Position().Ledger >= 0 != c.kept || s.Position().Status != 1 {
			t.Errorf("%v ahead: %v, %v", c.ahead, s.Position(), err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
