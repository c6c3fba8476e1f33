package suppress

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"strings"
	"unicode/utf8"
)

// Hash is the first half of an HMAC-SHA-256 (RFC 2104, which allows half of it).
// A plain hash would be as good as the address: all phone numbers are tried in
// minutes. Among ten million, two are the same by chance once in 10²⁴ cases.
type Hash [16]byte

// Key is what the hashes are under.
type Key struct {
	secret []byte
	// Check tells keys apart, and says nothing about them.
	Check uint32
}

// leastKey is what an HMAC needs to be as strong as what is kept of it.
const leastKey = 16

// NewKey makes a key of a secret of at least 16 bytes.
func NewKey(secret string) (*Key, error) {
	if len(secret) < leastKey {
		return nil, errors.New("the secret has less than 16 bytes, and could be guessed; make one with `openssl rand -hex 32`")
	}
	k := &Key{secret: []byte(secret)}
	m := hmac.New(sha256.New, k.secret)
	m.Write([]byte("carillon suppression key"))
	k.Check = binary.BigEndian.Uint32(m.Sum(nil))
	return k, nil
}

// Hasher makes hashes. It is not safe for concurrent use.
type Hasher struct {
	mac hash.Hash
	in  []byte
	out [sha256.Size]byte
}

// NewHasher makes a hasher of the key's.
func (k *Key) NewHasher() *Hasher { return &Hasher{mac: hmac.New(sha256.New, k.secret)} }

// Sum hashes an address or a recipient's id. Of an address, forms that reach the
// same inbox have one hash, see Normal.
func (h *Hasher) Sum(kind Kind, value string) Hash {
	h.in = append(h.in[:0], byte(kind))
	if kind == Address {
		h.in = appendNormal(h.in, value)
	} else {
		h.in = append(h.in, value...)
	}
	h.mac.Reset()
	h.mac.Write(h.in)
	return Hash(h.mac.Sum(h.out[:0]))
}

// Normal returns the form of an address that is hashed: without spaces around it,
// in lower case if it is of mail, and without the punctuation that people write
// into phone numbers.
func Normal(address string) string { return string(appendNormal(nil, address)) }

func appendNormal(b []byte, v string) []byte {
	v = strings.TrimSpace(v)
	switch {
	case strings.HasPrefix(v, "+"):
		for i := range len(v) {
			if c := v[i]; c != ' ' && c != '-' && c != '(' && c != ')' && c != '.' {
				b = append(b, c)
			}
		}
		return b
	case strings.IndexByte(v, '@') < 0 || strings.Contains(v, "://"):
		return append(b, v...)
	}
	for i := range len(v) {
		c := v[i]
		if c >= utf8.RuneSelf {
			return append(b[:len(b)-i], strings.ToLower(v)...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}
