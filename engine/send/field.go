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
	// text finds the string of a field that is one. Its rule does the rest.
	text func(*M) *string
	// For other fields: read reads the value, write appends it (nothing where
	// the field is empty), check looks at what is in it.
	read  func(*scanner, *M)
	write func([]byte, *M) []byte
	check func(*place, *M)
}

// table adds the other names.
func table[M any](fields ...field[M]) []field[M] {
	for i := range fields {
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
// absent field; an unknown one is skipped.
func readObject[M any](s *scanner, m *M, fields []field[M]) {
	if !s.open('{', "an object") {
		return
	}
	var seen uint32
	next := 0
	for s.more('}') {
		name := s.name()
		i := find(fields, name, next)
		if i < 0 {
			if s.err == nil && isNear(fields, name) {
				s.noteNear(name)
			}
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
		case f.text != nil:
			*f.text(m) = s.str()
		default:
			f.read(s, m)
		}
		s.leave()
	}
}

// find looks from next on, as most producers write their fields in the order of
// the contract.
func find[M any](fields []field[M], name string, next int) int {
	for range fields {
		if next >= len(fields) {
			next = 0
		}
		if f := &fields[next]; f.name == name || f.snake == name {
			return next
		}
		next++
	}
	return -1
}

// appendObject appends m as an object of its fields that are not empty.
func appendObject[M any](dst []byte, m *M, fields []field[M]) []byte {
	dst = append(dst, '{')
	comma := false
	for i := range fields {
		f := &fields[i]
		before := len(dst)
		if comma {
			dst = append(dst, ',')
		}
		dst = append(dst, f.member...)
		value := len(dst)
		if f.text == nil {
			dst = f.write(dst, m)
		} else if text := *f.text(m); text != "" {
			dst = appendString(dst, text)
		}
		if len(dst) == value {
			dst = dst[:before]
			continue
		}
		comma = true
	}
	return append(dst, '}')
}

// checkObject checks what is in m, field by field.
func checkObject[M any](p *place, m *M, fields []field[M]) {
	for i := range fields {
		f := &fields[i]
		p.enter(f.name)
		if f.text != nil {
			f.rule.apply(p, *f.text(m))
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
