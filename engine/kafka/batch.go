package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"time"
)

// Batch builds one record batch and can be used again and again, so that
// writing a record allocates nothing. It belongs to one goroutine.
type Batch struct {
	Codec Codec // None, Snappy, LZ4 or Zstd; set it before Encode

	plain    []byte // header and records
	packed   []byte // header and compressed records
	isPacked bool   // packed holds what plain does
	count    int32
	baseTime int64
	maxTime  int64
}

// NewBatch returns an empty batch.
func NewBatch() *Batch {
	b := &Batch{}
	b.Reset()
	return b
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	if cap(b.plain) < headerSize {
		b.plain = make([]byte, 0, 4096)
	}
	b.plain = b.plain[:headerSize]
	b.count, b.isPacked = 0, false
}

// Len returns the number of records.
func (b *Batch) Len() int { return int(b.count) }

// Size returns the batch's size in bytes before compression.
func (b *Batch) Size() int { return len(b.plain) }

// RecordSize returns how much a record adds to a batch's Size, at most.
func RecordSize(r *Record) int {
	n := 1 + 10 + 5 + 2*5 + len(r.Key) + len(r.Value) + 5 // attributes, time, offset, two lengths, count of headers
	for i := range r.Headers {
		n += 2*5 + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n + 5
}

// Append adds a record. Its bytes are copied.
func (b *Batch) Append(r Record) {
	at := r.Time.UnixMilli()
	if r.Time.IsZero() {
		at = time.Now().UnixMilli()
	}
	if b.count == 0 {
		b.baseTime, b.maxTime = at, at
	}
	b.maxTime = max(b.maxTime, at)
	at -= b.baseTime

	size := 1 + varintLen(at) + varintLen(int64(b.count)) + fieldLen(r.Key) + fieldLen(r.Value) + varintLen(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		size += varintLen(int64(len(h.Key))) + len(h.Key) + fieldLen(h.Value)
	}
	p := binary.AppendVarint(b.plain, int64(size))
	p = append(p, 0) // attributes: unused
	p = binary.AppendVarint(p, at)
	p = binary.AppendVarint(p, int64(b.count))
	p = appendField(p, r.Key)
	p = appendField(p, r.Value)
	p = binary.AppendVarint(p, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		p = binary.AppendVarint(p, int64(len(h.Key)))
		p = append(p, h.Key...)
		p = appendField(p, h.Value)
	}
	b.plain = p
	b.count++
	b.isPacked = false
}

// Encode completes the batch for an idempotent producer (ID and Epoch -1, and
// baseSequence -1, for one that is not) and returns its bytes, which the next
// Append, Encode or Reset changes. An empty batch gives nil.
func (b *Batch) Encode(p ProducerID, baseSequence int32) []byte {
	if b.count == 0 {
		return nil
	}
	out, codec := b.plain, None
	if b.Codec != None {
		if !b.isPacked {
			b.packed = compress(b.Codec, append(b.packed[:0], b.plain[:headerSize]...), b.plain[headerSize:])
			b.isPacked = true
		}
		if len(b.packed) < len(b.plain) {
			out, codec = b.packed, b.Codec
		}
	}
	be := binary.BigEndian
	be.PutUint64(out[atBaseOffset:], 0)
	be.PutUint32(out[atLength:], uint32(len(out)-atLeaderEpoch))
	be.PutUint32(out[atLeaderEpoch:], ^uint32(0))
	out[atMagic] = 2
	be.PutUint16(out[atAttributes:], uint16(codec))
	be.PutUint32(out[atLastDelta:], uint32(b.count-1))
	be.PutUint64(out[atBaseTime:], uint64(b.baseTime))
	be.PutUint64(out[atMaxTime:], uint64(b.maxTime))
	be.PutUint64(out[atProducerID:], uint64(p.ID))
	be.PutUint16(out[atProducerEpoch:], uint16(p.Epoch))
	be.PutUint32(out[atBaseSequence:], uint32(baseSequence))
	be.PutUint32(out[atCount:], uint32(b.count))
	be.PutUint32(out[atCRC:], crc32.Checksum(out[atAttributes:], castagnoli))
	return out
}

func appendField(b, field []byte) []byte {
	if field == nil {
		return append(b, 1) // -1 in zigzag
	}
	return append(binary.AppendVarint(b, int64(len(field))), field...)
}

func fieldLen(field []byte) int {
	if field == nil {
		return 1
	}
	return varintLen(int64(len(field))) + len(field)
}

func varintLen(v int64) int {
	zigzag := uint64(v<<1) ^ uint64(v>>63)
	return (bits.Len64(zigzag|1) + 6) / 7
}
