package kafka

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/carillonhq/carillon/engine/fault"
)

// The record batch format, version 2 (Kafka documentation, "Record Batch"):
// offsets of the header's fields in a batch.
const (
	atBaseOffset    = 0  // int64
	atLength        = 8  // int32, of all that follows it
	atLeaderEpoch   = 12 // int32
	atMagic         = 16 // int8
	atCRC           = 17 // uint32, CRC-32C of all that follows it
	atAttributes    = 21 // int16
	atLastDelta     = 23 // int32
	atBaseTime      = 27 // int64, ms
	atMaxTime       = 35 // int64, ms
	atProducerID    = 43 // int64
	atProducerEpoch = 51 // int16
	atBaseSequence  = 53 // int32
	atCount         = 57 // int32
	headerSize      = 61
)

const (
	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is one whole batch as the broker stores it.
type batch []byte

func (b batch) baseOffset() int64  { return int64(binary.BigEndian.Uint64(b[atBaseOffset:])) }
func (b batch) attributes() int16  { return int16(binary.BigEndian.Uint16(b[atAttributes:])) }
func (b batch) lastDelta() int32   { return int32(binary.BigEndian.Uint32(b[atLastDelta:])) }
func (b batch) next() int64        { return b.baseOffset() + int64(b.lastDelta()) + 1 }
func (b batch) baseTime() int64    { return int64(binary.BigEndian.Uint64(b[atBaseTime:])) }
func (b batch) maxTime() int64     { return int64(binary.BigEndian.Uint64(b[atMaxTime:])) }
func (b batch) producer() int64    { return int64(binary.BigEndian.Uint64(b[atProducerID:])) }
func (b batch) count() int32       { return int32(binary.BigEndian.Uint32(b[atCount:])) }
func (b batch) codec() Codec       { return Codec(b.attributes() & attrCodec) }
func (b batch) is(attr int16) bool { return b.attributes()&attr != 0 }
func (b batch) sum() uint32        { return crc32.Checksum(b[atAttributes:], castagnoli) }
func (b batch) intact() bool {
	return b.sum() == binary.BigEndian.Uint32(b[atCRC:]) || fault.Mutant(fault.DamagedBatchRead)
}

// cutBatch takes the first batch off raw. It returns nil and no reason if raw
// ends before the batch does, and a reason if no batch can be made of it.
func cutBatch(raw []byte) (b batch, rest []byte, reason string) {
	if len(raw) <= atMagic {
		return nil, raw, ""
	}
	length := int64(int32(binary.BigEndian.Uint32(raw[atLength:])))
	switch magic := raw[atMagic]; {
	case magic > 2:
		return nil, raw, "unknown record format"
	case magic < 2:
		return nil, raw, "record format of before Kafka 0.11"
	case length < headerSize-atLeaderEpoch:
		return nil, raw, "length damaged"
	case length > int64(len(raw)-atLeaderEpoch):
		return nil, raw, ""
	}
	n := atLeaderEpoch + int(length)
	return batch(raw[:n:n]), raw[n:], ""
}
