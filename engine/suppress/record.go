package suppress

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/carillonhq/carillon/engine/kafka"
	controlv1 "github.com/carillonhq/carillon/proto/control/v1"
)

// Entry is one suppression, as its record has it.
type Entry struct {
	Kind  Kind
	Hash  Hash
	Scope Scope
	*controlv1.Suppression
}

// Clone returns one that stays when the record's memory is used again.
func (e *Entry) Clone() *Entry {
	c := *e
	c.Suppression = proto.Clone(e.Suppression).(*controlv1.Suppression)
	c.By, c.Reason = strings.Clone(e.By), strings.Clone(e.Reason)
	return &c
}

// Code is why.
func (e *Entry) Code() Code { return Code(e.Because) }

// RecordKey is the key of its record.
func (e *Entry) RecordKey() []byte {
	return []byte(e.Kind.String() + "/" + hex.EncodeToString(e.Hash[:]) + "/" + e.Scope.String())
}

// Record is the record that adds it.
func (e *Entry) Record() (kafka.Record, error) {
	value, err := e.MarshalVT()
	return kafka.Record{Key: e.RecordKey(), Value: value}, err
}

// Tombstone is the record that ends it.
func (e *Entry) Tombstone() kafka.Record { return kafka.Record{Key: e.RecordKey()} }

// LapsedAt says whether it no longer holds.
func (e *Entry) LapsedAt(now time.Time) bool { return e.UntilMs != 0 && e.UntilMs <= now.UnixMilli() }

var (
	errNewer     = errors.New("is of a newer version of Carillon")
	errMalformed = errors.New("was not written by Carillon")
)

// ParseRecord reads a record of the topic. The Suppression of a tombstone is nil.
func ParseRecord(r *kafka.Record) (*Entry, error) {
	kind, h, text, err := parseKey(r.Key)
	if err != nil {
		return nil, err
	}
	e := &Entry{Kind: kind, Hash: h}
	var ok bool
	if e.Scope, ok = ParseScope(string(text)); !ok {
		return nil, errNewer
	}
	if r.Value == nil {
		return e, nil
	}
	e.Suppression = &controlv1.Suppression{}
	return e, parseValue(e.Suppression, r.Value)
}

func parseValue(s *controlv1.Suppression, value []byte) error {
	if s.UnmarshalVTUnsafe(value) != nil {
		return errMalformed
	}
	if s.Because <= 0 || s.Because >= codes {
		return errNewer
	}
	return nil
}

// ParseKey reads the key of a record: what `carillon suppression list` shows.
func ParseKey(key string) (*Entry, bool) {
	e, err := ParseRecord(&kafka.Record{Key: []byte(strings.TrimSpace(key))})
	return e, err == nil
}

// parseKey takes the key apart. It does not look at the scope.
func parseKey(key []byte) (kind Kind, h Hash, scope []byte, err error) {
	name, rest, ok := bytes.Cut(key, []byte{'/'})
	hash, scope, ok2 := bytes.Cut(rest, []byte{'/'})
	switch {
	case !ok || !ok2:
		return 0, h, nil, errMalformed
	case string(name) == "address":
		kind = Address
	case string(name) == "recipient":
		kind = Recipient
	default:
		return 0, h, nil, errNewer
	}
	if len(hash) != hex.EncodedLen(len(h)) {
		return 0, h, nil, errNewer
	}
	if _, err := hex.Decode(h[:], hash); err != nil {
		return 0, h, nil, errMalformed
	}
	return kind, h, scope, nil
}

// secondsOf rounds up, and takes what is far for ever.
func secondsOf(ms int64) uint32 {
	s := (ms + 999) / 1000
	if ms <= 0 || s > math.MaxUint32 {
		return 0
	}
	return uint32(s)
}
