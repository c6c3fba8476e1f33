package send

import (
	"strings"
	"unicode"
)

// field is one row of the table of a message M: all that is known of a field,
// for reading, writing, checking, and for the JSON Schema.
type field[M any] struct {
	// name is what JSON emits, member the same with quotes and colon; snake is
	// taken as well; plain is what near misses are compared with.
	name, member, snake, plain string
	// rule is that of the text, of each entry of a list, or of each value of a
	// map, key that of a map's keys. most bounds the entries.
	rule, key rule
	most      int
	// needs are the rows of the table that must be there, by bit.
	needs uint32
	// text finds the string of a field that is one. Its rule does the rest.
	text func(*M) *string
	// For other fields: read reads the value, write appends it (nothing where
	// the field is empty), check looks at what is in it.
	read  func(*scanner, *M)
	write func([]byte, *M) []byte
	check func(*place, *M)
	// checks: read itself checks where the scanner is blind.
	checks bool
}

// table adds the other names, and what is needed.
func table[M any](fields ...field[M]) []field[M] {
	needs := uint32(0)
	for i := range fields {
		if f := &fields[i]; f.rule.required && (f.text != nil || f.checks) {
			needs |= 1 << i
		}
	}
	for i := range fields {
		fields[i].needs = needs
		fields[i].snake = snakeCase(fields[i].name)
		fields[i].member = `"` + fields[i].name + `":`
		fields[i].plain = plainName(fields[i].name)
	}
	return fields
}

func snakeCase(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// readObject reads the object that stands here into m. A null counts as an
// absent field; an unknown one is skipped. A blind scanner checks it as well.
func readObject[M any](s *scanner, m *M, fields []field[M]) {
	if !s.open('{', "an object") {
		return
	}
	var seen, nulls uint32
	next := 0
	for s.more('}') {
		i := fieldName(s, fields, next)
		if i < 0 {
			s.skip()
			continue
		}
		f := &fields[i]
		next = i + 1
		s.enter(f.name)
		if seen&(1<<i) != 0 {
			s.fail(CodeDuplicateField, "the field is there twice")
		}
		seen |= 1 << i
		switch {
		case s.null():
			nulls |= 1 << i
		case f.text != nil:
			*f.text(m) = s.text(&f.rule)
		default:
			f.read(s, m)
			if s.blind && f.check != nil && !f.checks {
				f.check(&s.place, m)
			}
		}
		s.leave()
	}
	if s.blind && fields[0].needs&^(seen&^nulls) != 0 {
		s.fail(CodeMissing, "a field is required")
	}
}

// fieldName reads a member's name and returns its field, or -1. Most producers
// write compactly and in the contract's order, so what stands here is first
// compared with the fields from next on, as AppendSendJSON would write them.
func fieldName[M any](s *scanner, fields []field[M], next int) int {
	if rest := s.buf[s.pos:]; len(rest) > 1 {
		for i := next; i < len(fields); i++ {
			m := fields[i].member
			if rest[1] == m[1] && len(rest) >= len(m) && string(rest[:len(m)]) == m {
				s.pos += len(m)
				s.countMember()
				return i
			}
		}
	}
	name := s.name()
	for i := range fields {
		if f := &fields[i]; f.name == name || f.snake == name {
			return i
		}
	}
	if s.err == nil && isNear(fields, name) {
		s.noteNear(name)
	}
	return -1
}

// appendObject appends m as an object of its fields that are not empty.
func appendObject[M any](dst []byte, m *M, fields []field[M]) []byte {
	dst = append(dst, '{')
	start := len(dst)
	for i := range fields {
		f := &fields[i]
		before := len(dst)
		if f.text != nil {
			if text := *f.text(m); text != "" {
				dst = appendString(appendMember(dst, f.member, start), text)
			}
			continue
		}
		dst = appendMember(dst, f.member, start)
		value := len(dst)
		if dst = f.write(dst, m); len(dst) == value {
			dst = dst[:before]
		}
	}
	return append(dst, '}')
}

// appendMember appends a member's name, after a comma where it is not the
// first, which would be at start.
func appendMember(dst []byte, member string, start int) []byte {
	if len(dst) > start {
		dst = append(dst, ',')
	}
	return append(dst, member...)
}

// checkObject checks what is in m, field by field.
func checkObject[M any](p *place, m *M, fields []field[M]) {
	for i := range fields {
		f := &fields[i]
		p.enter(f.name)
		if f.text != nil {
			if text := *f.text(m); text != "" || f.rule.required {
				f.rule.apply(p, text)
			}
		}
		if f.check != nil {
			f.check(p, m)
		}
		p.leave()
		if p.err != nil {
			return
		}
	}
}
