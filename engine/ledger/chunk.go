package ledger

import (
	"encoding/binary"

	"github.com/carillonhq/carillon/engine/send"
)

// chunk is some of the slots of a table. A tag is a byte of the key, so that an id
// that is not here, which is what most are, costs one line of the processor's
// cache.
type chunk struct {
	tags  []byte // 0: the slot is empty
	slots []byte // key and value, where the tag is not 0
	arena *arena // that both are in; nil is the Go heap
}

const (
	keySize  = len(send.Key{})
	slotSize = keySize + 8
)

// look returns the key's slot, or the first empty one, at or behind from. at is
// -1 where there is neither. Eight tags at a time would be slower: tag by tag, the
// processor guesses how many, and fetches the slot with the tags on their way.
func (c chunk) look(k send.Key, from int) (at int, found bool) {
	tag := tagOf(k)
	for at = from; at < len(c.tags); at++ {
		switch c.tags[at] {
		case 0:
			return at, false
		case tag:
			if c.key(at) == k {
				return at, true
			}
		}
	}
	return -1, false
}

// room returns the first empty slot at or behind from, or -1.
func (c chunk) room(from int) int {
	for at := from; at < len(c.tags); at++ {
		if c.tags[at] == 0 {
			return at
		}
	}
	return -1
}

// each calls yield for every slot that is not empty.
func (c chunk) each(yield func(at int)) {
	for at, tag := range c.tags {
		if tag != 0 {
			yield(at)
		}
	}
}

func tagOf(k send.Key) byte { return max(1, k[8]) }

func (c chunk) key(at int) send.Key { return send.Key(c.slots[at*slotSize:]) }

func (c chunk) value(at int) uint64 {
	return binary.LittleEndian.Uint64(c.slots[at*slotSize+keySize:])
}

func (c chunk) set(at int, k send.Key, value uint64) {
	c.tags[at] = tagOf(k)
	slot := c.slots[at*slotSize:][:slotSize]
	copy(slot, k[:])
	binary.LittleEndian.PutUint64(slot[keySize:], value)
}
