package send

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// These functions look at eight bytes at once, by the tests for a zero byte and
// for bytes below a bound of "Bit Twiddling Hacks" (Anderson). In a word that
// has any, the lowest byte that is marked truly is one; those above it may be
// marked wrongly.
const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// marks returns a word whose lowest set bit is in the first byte of w that can't
// stand for itself in a JSON string: a quote, a backslash, a control character.
func marks(w uint64) uint64 {
	quote, slash := w^ones*'"', w^ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & tops
}

// plainEnd returns the place, from i on, of the first such byte, or the end.
func plainEnd(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if m := marks(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// simpleEnd stops before bytes that are not printable ASCII as well.
func simpleEnd(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		del := w ^ ones*0x7f
		if m := marks(w) | ((del-ones)&^del|w)&tops; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < 0x7f && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// plainASCIIEnd stops before bytes that are not ASCII as well.
func plainASCIIEnd(b []byte) (i int) {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		if m := marks(w) | w&tops; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < 0x80 && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// printableEnd returns the place, from i on, of the first byte that is not
// printable ASCII, or the end.
func printableEnd(text string, i int) int {
	b := unsafe.Slice(unsafe.StringData(text), len(text))
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		del := w ^ ones*0x7f
		if m := ((w-ones*' ')&^w | (del-ones)&^del | w) & tops; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < 0x7f {
		i++
	}
	return i
}
