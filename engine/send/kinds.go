package send

import (
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// The kinds of field. Each returns a row for the field that at finds.

func text[M any](name string, r rule, at func(*M) *string) field[M] {
	return field[M]{name: name, rule: r, text: at}
}

// part is a message inside of M. fresh says where a new one is made.
func part[M, P any](name string, required bool, fields []field[P], at func(*M) **P, fresh func(*scanner) *P) field[M] {
	return field[M]{
		name: name, checks: true,
		rule: rule{required: required},
		read: func(s *scanner, m *M) {
			*at(m) = fresh(s)
			readObject(s, *at(m), fields)
		},
		write: func(dst []byte, m *M) []byte {
			if p := *at(m); p != nil {
				return appendObject(dst, p, fields)
			}
			return dst
		},
		check: func(p *place, m *M) {
			if inner := *at(m); inner != nil {
				checkObject(p, inner, fields)
			} else if required {
				p.fail(CodeMissing, "the field is required")
			}
		},
	}
}

func list[M, P any](name string, most int, fields []field[P], at func(*M) *[]*P) field[M] {
	return field[M]{
		name: name, most: most, checks: true,
		read: func(s *scanner, m *M) {
			*at(m) = readList(s, fields)
			if s.blind {
				checkCount(&s.place, len(*at(m)), most)
			}
		},
		write: func(dst []byte, m *M) []byte { return appendList(dst, *at(m), fields) },
		check: func(p *place, m *M) { checkList(p, *at(m), most, fields) },
	}
}

func texts[M any](name string, most int, r rule, at func(*M) *[]string, fresh func(*scanner) []string) field[M] {
	return field[M]{
		name: name, most: most, rule: r,
		read:  func(s *scanner, m *M) { *at(m) = readStrings(s, fresh) },
		write: func(dst []byte, m *M) []byte { return appendStrings(dst, *at(m)) },
		check: func(p *place, m *M) { checkStrings(p, *at(m), most, r) },
	}
}

func pairs[M any](name string, most int, key, value rule, at func(*M) *[]*carillonv1.Pair) field[M] {
	return field[M]{
		name: name, most: most, key: key, rule: value,
		read:  func(s *scanner, m *M) { *at(m) = readPairs(s) },
		write: func(dst []byte, m *M) []byte { return appendPairs(dst, *at(m)) },
		check: func(p *place, m *M) { checkPairs(p, *at(m), most, key, value) },
	}
}

func moment[M any](name string, required bool, at func(*M) **timestamppb.Timestamp, fresh func(*scanner) *timestamppb.Timestamp) field[M] {
	return field[M]{
		name: name, rule: rule{required: required},
		read:  func(s *scanner, m *M) { *at(m) = readTime(s, fresh(s)) },
		write: func(dst []byte, m *M) []byte { return appendTime(dst, *at(m)) },
		check: func(p *place, m *M) { checkTime(p, *at(m)) },
	}
}

// enum is a field whose JSON is a name from names, by number; number 0 is no
// name.
func enum[M any, E ~int32](name string, required bool, names []string, at func(*M) *E) field[M] {
	return field[M]{
		name: name, rule: rule{required: required, oneOf: names[1:]},
		read: func(s *scanner, m *M) {
			text := s.str()
			n, ok := enumNumber(names, text)
			if !ok {
				s.fail(CodeBadValue, "the field has a fixed list of values")
			}
			*at(m) = E(n)
		},
		write: func(dst []byte, m *M) []byte {
			if name := enumName(names, int32(*at(m))); name != "" {
				return appendString(dst, name)
			}
			return dst
		},
		check: func(p *place, m *M) {
			if e := *at(m); e != 0 && enumName(names, int32(e)) == "" {
				p.fail(CodeBadValue, "the field has a fixed list of values")
			}
		},
	}
}

func made[P any](*scanner) *P { return new(P) }

// number is a whole number from 0 on, never left out: 0 says as much as any
// other.
func number[M any, N int32 | int64 | uint32](name string, at func(*M) *N) field[M] {
	return field[M]{
		name: name, rule: rule{required: true},
		read: func(s *scanner, m *M) {
			n := s.integer()
			if *at(m) = N(n); n < 0 || int64(*at(m)) != n {
				s.fail(CodeBadValue, "the number is out of range")
			}
		},
		write: func(dst []byte, m *M) []byte { return strconv.AppendInt(dst, int64(*at(m)), 10) },
	}
}

// boolean is left out where it is false.
func boolean[M any](name string, at func(*M) *bool) field[M] {
	return field[M]{
		name: name,
		read: func(s *scanner, m *M) { *at(m) = s.boolean() },
		write: func(dst []byte, m *M) []byte {
			if *at(m) {
				return append(dst, "true"...)
			}
			return dst
		},
	}
}
