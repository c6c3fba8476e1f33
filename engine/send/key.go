package send

import (
	"encoding/binary"
	"encoding/hex"
	"unsafe"

	"github.com/zeebo/xxh3"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// Key names a send everywhere inside the engine: the 128-bit XXH3 of its app,
// recipient and id. Two sends of one app and recipient with the same id have
// the same key; others have the same one with a chance of 2^-128 per pair.
// XXH3 is no cryptographic hash: a producer who sets out to make two of its own
// ids collide may lose one of them as a duplicate.
type Key [16]byte

// String returns 32 hex digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// KeyOf returns the key of a send. Each part is preceded by its length, so that
// ("a", "bc") and ("ab", "c") differ.
func KeyOf(app, recipient, id string) Key {
	var space [3*4 + 64 + 128 + 128]byte // what a valid send needs; longer ones allocate
	b := appendPart(space[:0], app)
	b = appendPart(b, recipient)
	b = appendPart(b, id)
	return xxh3.Hash128(b).Bytes()
}

// ProviderKey returns the idempotency key that a provider is given: the same
// for every attempt at a send on one account of one channel, and another one
// elsewhere. 32 hex digits.
func ProviderKey(k Key, channel, account string) string {
	return new(Text).ProviderKey(k, channel, account)
}

// Text is room for the 32 hex digits of a hash. The strings that its methods
// return are its own memory, which spares an allocation for each: they change
// when it is used again.
type Text [32]byte

// ProviderKey is as the function of that name.
func (t *Text) ProviderKey(k Key, channel, account string) string {
	var space [192]byte
	b := append(space[:0], k[:]...)
	b = appendPart(b, channel)
	b = appendPart(b, account)
	return t.hash(b)
}

// EventID returns the id of a status event. It depends on nothing but what the
// event is about, so that an event published again has the same one. code tells
// apart what can happen twice between two attempts, such as being parked for two
// reasons; it is empty for an outcome. 32 hex digits.
func EventID(k Key, src Source, kind carillonv1.Kind, state carillonv1.State, attempt uint32, code string) string {
	return new(Text).EventID(k, src, kind, state, attempt, code)
}

// EventID is as the function of that name.
func (t *Text) EventID(k Key, src Source, kind carillonv1.Kind, state carillonv1.State, attempt uint32, code string) string {
	var space [320]byte // a topic's name has at most 249 bytes
	b := append(space[:0], k[:]...)
	b = appendPart(b, src.Topic)
	b = binary.BigEndian.AppendUint32(b, uint32(src.Partition))
	b = binary.BigEndian.AppendUint64(b, uint64(src.Offset))
	b = append(b, byte(kind), byte(state))
	b = binary.BigEndian.AppendUint32(b, attempt)
	b = append(b, code...)
	return t.hash(b)
}

func appendPart(b []byte, part string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
	return append(b, part...)
}

func (t *Text) hash(b []byte) string {
	sum := xxh3.Hash128(b).Bytes()
	hex.Encode(t[:], sum[:])
	return unsafe.String(&t[0], len(t))
}
