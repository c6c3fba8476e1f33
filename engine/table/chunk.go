package table

import "unsafe"

// chunk is some of the slots of a table. A tag is a byte of the key, so that a
// key that is not here, which is what most are, costs one line of the processor's
// cache.
type chunk[K Key] struct {
	tags  []byte // 0: the slot is empty
	slots []byte // key and value, where the tag is not 0
	width int    // of a slot
	arena *arena // that both are in; nil is the Go heap
}

// look returns the key's slot, or the first empty one, at or behind from. at is
// -1 where there is neither. Eight tags at a time would be slower: tag by tag, the
// processor guesses how many, and fetches the slot with the tags on their way.
func (c chunk[K]) look(k K, from int) (at int, found bool) {
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
func (c chunk[K]) room(from int) int {
	for at := from; at < len(c.tags); at++ {
		if c.tags[at] == 0 {
			return at
		}
	}
	return -1
}

// each calls yield for every slot that is not empty.
func (c chunk[K]) each(yield func(at int)) {
	for at, tag := range c.tags {
		if tag != 0 {
			yield(at)
		}
	}
}

// tagOf takes a byte that home does not go by.
func tagOf[K Key](k K) byte { return max(1, k[len(k)-8]) }

// at is the slot's key where it is: an array of bytes needs no alignment. It is how
// a conversion to an array of the type parameter would be done, at which analyzers of
// nil pointers (golang.org/x/tools 0.52) panic.
func (c chunk[K]) at(at int) *K { return (*K)(unsafe.Pointer(&c.slots[at*c.width])) }

func (c chunk[K]) key(at int) K { return *c.at(at) }

// value is the slot's own memory.
func (c chunk[K]) value(at int) []byte {
	var k K
	return c.slots[at*c.width+len(k) : (at+1)*c.width : (at+1)*c.width]
}

// set fills an empty slot. An empty value is zeros.
func (c chunk[K]) set(at int, k K, value []byte) {
	c.tags[at] = tagOf(k)
	*c.at(at) = k
	if slot := c.value(at); value == nil {
		clear(slot)
	} else {
		copy(slot, value)
	}
}
