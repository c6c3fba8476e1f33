package send

import (
	"strconv"
	"unsafe"
)

// str reads a string.
func (s *scanner) str() string {
	b := s.strBytes()
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// text reads a string, and checks it if the scanner is blind: most are printable
// ASCII without escapes, and then one look finds their end and their faults.
func (s *scanner) text(r *rule) string {
	if !s.blind {
		return s.str()
	}
	if s.peek() == '"' {
		start := s.pos + 1
		if end := simpleEnd(s.buf, start); end < len(s.buf) && s.buf[end] == '"' {
			s.pos = end + 1
			text := unsafe.String(unsafe.SliceData(s.buf[start:]), end-start)
			r.judge(&s.place, text, true)
			return text
		}
	}
	text := s.str()
	r.apply(&s.place, text)
	return text
}

func (s *scanner) strBytes() []byte {
	if s.peek() != '"' {
		s.expected("a string")
		return nil
	}
	raw, escaped := s.rawString()
	if escaped {
		return unescape(raw)
	}
	return raw
}

// rawString checks the string that begins here and returns what is between its
// quotes, and whether that has escapes.
func (s *scanner) rawString() (raw []byte, escaped bool) {
	start := s.pos + 1
	for i := start; ; {
		i = plainEnd(s.buf, i)
		switch {
		case i == len(s.buf):
			s.fail(CodeNotJSON, "the text ends inside a string")
			return nil, false
		case s.buf[i] == '"':
			s.pos = i + 1
			return s.buf[start:i:i], escaped
		case s.buf[i] != '\\':
			s.fail(CodeNotJSON, "a control character inside a string must be escaped")
			return nil, false
		}
		r, n := escape(s.buf[i:])
		if n == 0 {
			s.fail(CodeNotJSON, "an escape that JSON does not have")
			return nil, false
		}
		if r < 0 {
			s.fail(CodeInvalidUTF8, "an escaped surrogate without its other half")
			return nil, false
		}
		escaped = true
		i += n
	}
}

func (s *scanner) literal(word string) bool {
	if end := s.pos + len(word); end <= len(s.buf) && string(s.buf[s.pos:end]) == word {
		s.pos = end
		return true
	}
	s.fail(CodeNotJSON, "a word that JSON does not have")
	return false
}

// null reads a null where one stands.
func (s *scanner) null() bool { return s.peek() == 'n' && s.literal("null") }

func (s *scanner) boolean() bool {
	switch s.peek() {
	case 't':
		return s.literal("true")
	case 'f':
		s.literal("false")
	default:
		s.expected("true or false")
	}
	return false
}

// integer reads a whole number.
func (s *scanner) integer() int64 {
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		s.expected("a whole number")
		return 0
	}
	n, err := strconv.ParseInt(string(s.number()), 10, 64)
	if err != nil {
		s.fail(CodeWrongType, "expected a whole number")
	}
	return n
}

// number reads a number by the grammar of RFC 8259, section 6.
func (s *scanner) number() []byte {
	start := s.pos
	s.take('-')
	ok := s.take('0') || s.digits()
	if ok && s.take('.') {
		ok = s.digits()
	}
	if ok && (s.take('e') || s.take('E')) {
		_ = s.take('+') || s.take('-')
		ok = s.digits()
	}
	if !ok {
		s.fail(CodeNotJSON, "a number that JSON does not have")
		return nil
	}
	return s.buf[start:s.pos]
}

func (s *scanner) take(c byte) bool {
	if s.pos < len(s.buf) && s.buf[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.buf) && s.buf[s.pos] >= '0' && s.buf[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}
