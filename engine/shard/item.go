package shard

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/carillonhq/carillon/engine/lane"
	"github.com/carillonhq/carillon/engine/ledger"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	ledgerv1 "github.com/carillonhq/carillon/proto/ledger/v1"
)

// item is a send on its way through the shard, from admission to its outcome
// or until it is parked.
type item struct {
	lane.Attempt // what its lane needs

	address channelv1.Address // Address, once there is one
	keyText send.Text         // Key

	key      send.Key
	source   send.Source // where the producer put it
	origin   uint64      // source, hashed
	offset   int64       // in the input
	accepted time.Time
	since    time.Time // waiting since then
	line     *line     // where it waits, or is in the lane
	member   *member   // its place in the order of its key, if it has one
	version  *version  // its place among those of its collapse key, if it has one
	channel  string    // of the last attempt
	account  string
	row      ledger.Spot // where its row stands, if it is known
	reason   *carillonv1.Reason
	checked  uint64             // the version of what is suppressed that it was routed by
	path     []*carillonv1.Step // the channels before; see fallback.go
	made     uint32             // attempts in all
	failed   uint32             // of the channel's
	unknown  uint32             // of the channel's: their answers were lost

	input   uint8 // ledger.NoInput for one that was parked
	doubt   doubt // undecided; see doubt.go
	parked  bool  // it has a row in the ledger
	loaded  bool  // counted in line.loaded
	held    bool
	open    bool // its row says so; see open.go
	own     bool // the account that it was routed to last is its recipient's; see failover.go
	away    bool // its lane has it, and owes a result
	unsaved bool // an answer was lost, and no row says so
	ordered bool // its row has a turn; see order.go
	skipped bool // others waited for it for too long; see patience.go
}

// originOf hashes the place of a record, with the two low bits left to the
// index.
func originOf(s send.Source) uint64 {
	var space [280]byte
	b := append(space[:0], s.Topic...)
	b = binary.BigEndian.AppendUint32(b, uint32(s.Partition))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Offset))
	return xxh3.Hash(b) &^ 3
}

// ledgerKey is the key of a send's record in `ledger`. None of the parts can
// hold a NUL.
func ledgerKey(s *carillonv1.Send) []byte {
	k := make([]byte, 0, len(s.App)+len(s.To.Id)+len(s.Id)+2)
	k = append(append(k, s.App...), 0)
	k = append(append(k, s.To.Id...), 0)
	return append(k, s.Id...)
}

func (it *item) park(due time.Time) *ledgerv1.Parked {
	p := &ledgerv1.Parked{
		Send: it.Send,
		Source: &carillonv1.Source{
			Topic: it.source.Topic, Partition: it.source.Partition, Offset: it.source.Offset,
		},
		Bulk: it.Bulk, Offset: it.offset, AcceptedMs: it.accepted.UnixMilli(), DueMs: due.UnixMilli(),
		Attempt: it.made, Failed: it.failed, Unknown: it.unknown, Held: it.held, Open: it.open, Doubt: it.doubt == mayBeOpen, Turn: it.turn(), Reason: it.reason,
		Channel: it.channel, Account: it.account, Path: it.path,
	}
	if m := it.member; m != nil && !m.since.IsZero() {
		p.TurnMs, p.TurnBehind = m.since.UnixMilli(), m.behind
	}
	return p
}

func unpark(k send.Key, p *ledgerv1.Parked) *item {
	it := &item{
		key:      k,
		source:   send.Source{Topic: p.Source.GetTopic(), Partition: p.Source.GetPartition(), Offset: p.Source.GetOffset()},
		input:    noInput,
		offset:   p.Offset,
		accepted: time.UnixMilli(p.AcceptedMs), parked: true, held: p.Held, open: p.Open,
		made: p.Attempt, failed: p.Failed, unknown: p.Unknown,
		channel: p.Channel, account: p.Account, reason: p.Reason, path: p.Path, ordered: hasTurn(p), skipped: p.Turn == ledgerv1.Turn_TURN_SKIPPED,
	}
	it.Send, it.Bulk = p.Send, p.Bulk
	it.origin = originOf(it.source)
	if p.Doubt {
		it.doubt = mayBeOpen
	}
	return it
}

// scratch is the one status event that a shard fills in again and again: it is
// encoded at once, and four objects per send are too many.
type scratch struct {
	status           carillonv1.Status
	source           carillonv1.Source
	accepted, at, to timestamppb.Timestamp
	id               send.Text
}

func setTime(ts *timestamppb.Timestamp, t time.Time) *timestamppb.Timestamp {
	ts.Seconds, ts.Nanos = t.Unix(), int32(t.Nanosecond())
	return ts
}

// event fills the scratch with a status event of the item.
func (it *item) event(x *scratch, state carillonv1.State, now time.Time) *carillonv1.Status {
	kind, code := send.KindOf(state), ""
	if kind == carillonv1.Kind_KIND_PROGRESS {
		code = it.reason.GetCode()
	}
	x.source.Topic, x.source.Partition, x.source.Offset = it.source.Topic, it.source.Partition, it.source.Offset
	e := &x.status
	e.EventId = x.id.EventID(it.key, it.source, kind, state, it.made, code)
	e.Kind, e.Status = kind, state
	e.Id, e.App, e.Recipient, e.Campaign = it.Send.Id, it.Send.App, it.Send.To.Id, it.Send.Campaign
	e.Channel, e.Account, e.Attempt, e.Class = it.channel, it.account, it.made, it.Send.Class
	e.Source, e.Reason, e.ProviderMessageId = &x.source, it.reason, ""
	e.Path = it.path
	e.AcceptedAt, e.At, e.NextAt = setTime(&x.accepted, it.accepted), setTime(&x.at, now), nil
	return e
}

// appendPlace appends the value of intake.InputHeader.
func (it *item) appendPlace(b []byte) []byte {
	return strconv.AppendInt(append(b, '0'+it.input, '/'), it.offset, 10)
}

// dueFirst is when it may first go, whatever became of it since.
func (it *item) dueFirst() time.Time {
	if at := it.Send.SendAt; at != nil && at.AsTime().After(it.accepted) {
		return at.AsTime()
	}
	return it.accepted
}

// resent says whether an operator had it sent again, whatever is known of it.
func (it *item) resent() bool {
	return it.reason.GetClass() == ClassOperator && it.reason.GetCode() == CodeResend
}

func why(class, code string) *carillonv1.Reason {
	return &carillonv1.Reason{Class: class, Code: code}
}
