package send

import (
	"bytes"
	"unicode/utf8"
)

// scanner reads one JSON text (RFC 8259) in a single pass. The first fault ends
// it: the rest of the text is dropped and every method returns its zero value,
// so that callers look at err once, at the end.
//
// Strings without escapes alias the text.
type scanner struct {
	place
	buf    []byte
	pos    int
	first  bool // nothing was read yet of the innermost object or array
	depth  int  // levels that may still be opened
	fields int  // members that may still be read
	near   []string
	room   *room
}

// begin makes the scanner ready for a text. It keeps its place.
func (s *scanner) begin(text []byte, lim Limits) {
	s.buf, s.pos, s.first = text, 0, false
	s.depth, s.fields = lim.Depth, lim.Fields
}

// whole checks what concerns the text as a whole, reads it with read, and
// refuses anything but white space after it.
func (s *scanner) whole(read func()) {
	if !utf8.Valid(s.buf) {
		s.fail(CodeInvalidUTF8, "JSON is UTF-8")
		return
	}
	read()
	if s.err == nil && s.peek() >= 0 {
		s.fail(CodeNotJSON, "nothing may follow the object")
	}
}

func (s *scanner) fail(code, detail string) {
	s.place.fail(code, detail)
	s.pos = len(s.buf)
}

// peek skips white space and returns the next byte, or -1 at the end.
func (s *scanner) peek() int {
	if s.pos < len(s.buf) && s.buf[s.pos] > ' ' {
		return int(s.buf[s.pos])
	}
	return s.skipSpace()
}

func (s *scanner) skipSpace() int {
	for ; s.pos < len(s.buf); s.pos++ {
		switch c := s.buf[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return int(c)
		}
	}
	return -1
}

// word tells whether the text goes on with w.
func (s *scanner) word(w string) bool { return bytes.HasPrefix(s.buf[s.pos:], []byte(w)) }

// expected fails for a value of another type, or for what is no value at all.
func (s *scanner) expected(what string) {
	var found string
	switch c := s.peek(); {
	case c == '"':
		found = "a string"
	case c == '{':
		found = "an object"
	case c == '[':
		found = "an array"
	case s.word("true"), s.word("false"):
		found = "true or false"
	case s.word("null"):
		found = "null"
	case c == '-' || c >= '0' && c <= '9':
		found = "a number"
	case c < 0:
		s.fail(CodeNotJSON, "the text ends where "+what+" is expected")
		return
	default:
		s.fail(CodeNotJSON, "no JSON value where "+what+" is expected")
		return
	}
	s.fail(CodeWrongType, "expected "+what+", found "+found)
}

// open enters an object or an array.
func (s *scanner) open(bracket byte, what string) bool {
	if s.peek() != int(bracket) {
		s.expected(what)
		return false
	}
	s.pos++
	s.depth--
	if s.depth < 0 {
		s.fail(CodeTooDeep, "objects and arrays nest too deep")
		return false
	}
	s.first = true
	return true
}

// more goes to the next member or element, and leaves at the closing bracket.
func (s *scanner) more(bracket byte) bool {
	c := s.peek()
	if c == int(bracket) {
		s.pos++
		s.depth++
		s.first = false
		return false
	}
	if s.first {
		s.first = false
		return c >= 0 || s.truncated()
	}
	if c != ',' {
		if c >= 0 {
			s.fail(CodeNotJSON, "a comma or a closing bracket is missing")
			return false
		}
		return s.truncated()
	}
	s.pos++
	if s.peek() == int(bracket) {
		s.fail(CodeNotJSON, "a comma before a closing bracket")
		return false
	}
	return true
}

func (s *scanner) truncated() bool {
	s.fail(CodeNotJSON, "the text ends inside an object or an array")
	return false
}

// name reads a member's name and the colon. more has made sure that there is a
// member.
func (s *scanner) name() string {
	s.countMember()
	if c := s.peek(); c != '"' {
		s.fail(CodeNotJSON, "a member's name is a string")
		return ""
	}
	name := s.str()
	if s.peek() != ':' {
		s.fail(CodeNotJSON, "a colon is missing after a member's name")
		return ""
	}
	s.pos++
	return name
}

func (s *scanner) countMember() {
	if s.fields--; s.fields < 0 {
		s.fail(CodeTooManyFields, "too many members in all objects together")
	}
}

// skip reads a value of any type and forgets it.
func (s *scanner) skip() {
	switch c := s.peek(); {
	case c == '"':
		s.rawString()
	case c == '{':
		s.skipObject()
	case c == '[':
		if s.open('[', "an array") {
			for s.more(']') {
				s.skip()
			}
		}
	case c == 't':
		s.literal("true")
	case c == 'f':
		s.literal("false")
	case c == 'n':
		s.literal("null")
	case c == '-' || c >= '0' && c <= '9':
		s.number()
	default:
		s.expected("a value")
	}
}

func (s *scanner) skipObject() {
	if s.open('{', "an object") {
		for s.more('}') {
			s.name()
			s.skip()
		}
	}
}

// object returns the object that stands here, as it is written.
func (s *scanner) object() []byte {
	s.peek()
	start := s.pos
	s.skipObject()
	if s.err != nil {
		return nil
	}
	return s.buf[start:s.pos:s.pos]
}
