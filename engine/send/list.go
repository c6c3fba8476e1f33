package send

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

func readList[M any](s *scanner, fields []field[M]) (list []*M) {
	if !s.open('[', "an array") {
		return nil
	}
	for s.more(']') {
		s.item(len(list))
		m := new(M)
		readObject(s, m, fields)
		list = append(list, m)
	}
	return list
}

func appendList[M any](dst []byte, list []*M, fields []field[M]) []byte {
	if len(list) == 0 {
		return dst
	}
	for i, m := range list {
		dst = append(dst, "[,"[min(i, 1)])
		dst = appendObject(dst, m, fields)
	}
	return append(dst, ']')
}

func checkList[M any](p *place, list []*M, most int, fields []field[M]) {
	if !checkCount(p, len(list), most) {
		return
	}
	for i, m := range list {
		p.item(i)
		if m == nil {
			p.fail(CodeMissing, "the element is empty")
			return
		}
		checkObject(p, m, fields)
	}
}

func checkCount(p *place, n, most int) bool {
	if n > most {
		p.fail(CodeTooLarge, "more than "+strconv.Itoa(most)+" entries")
		return false
	}
	return true
}

func readStrings(s *scanner, fresh func(*scanner) []string) (list []string) {
	if !s.open('[', "an array") {
		return nil
	}
	list = fresh(s)
	for s.more(']') {
		s.item(len(list))
		list = append(list, s.str())
	}
	return list
}

func appendStrings(dst []byte, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	for i, text := range list {
		dst = append(dst, "[,"[min(i, 1)])
		dst = appendString(dst, text)
	}
	return append(dst, ']')
}

func checkStrings(p *place, list []string, most int, r rule) {
	if !checkCount(p, len(list), most) {
		return
	}
	for i, text := range list {
		p.item(i)
		r.apply(p, text)
	}
}

type fewPairs struct {
	list  [2]*carillonv1.Pair
	pairs [2]carillonv1.Pair
}

// readPairs reads an object of strings. Its keys are the producer's own, so
// they are no part of any path.
func readPairs(s *scanner) (pairs []*carillonv1.Pair) {
	if !s.open('{', "an object") {
		return nil
	}
	var chunk []carillonv1.Pair
	for s.more('}') {
		if len(chunk) == 0 { // two with their list, then four at a time: they are small
			if pairs == nil {
				few := new(fewPairs)
				pairs, chunk = few.list[:0], few.pairs[:]
			} else {
				chunk = make([]carillonv1.Pair, 4)
			}
		}
		pair := &chunk[0]
		chunk = chunk[1:]
		pair.Key = s.name()
		pair.Value = s.str()
		pairs = append(pairs, pair)
	}
	return pairs
}

func appendPairs(dst []byte, pairs []*carillonv1.Pair) []byte {
	if len(pairs) == 0 {
		return dst
	}
	for i, pair := range pairs {
		dst = append(dst, "{,"[min(i, 1)])
		dst = appendString(dst, pair.Key)
		dst = append(dst, ':')
		dst = appendString(dst, pair.Value)
	}
	return append(dst, '}')
}

func checkPairs(p *place, pairs []*carillonv1.Pair, most int, key, value rule) {
	if !checkCount(p, len(pairs), most) {
		return
	}
	for i, pair := range pairs {
		if pair == nil {
			p.fail(CodeMissing, "the entry is empty")
			return
		}
		for _, earlier := range pairs[:i] {
			if earlier.Key == pair.Key {
				p.fail(CodeDuplicateField, "a key is there twice")
				return
			}
		}
		key.apply(p, pair.Key)
		value.apply(p, pair.Value)
	}
}

// readTime reads an RFC 3339 time into t.
func readTime(s *scanner, t *timestamppb.Timestamp) *timestamppb.Timestamp {
	text := s.strBytes()
	if s.err != nil {
		return nil
	}
	var at time.Time
	if at.UnmarshalText(text) != nil {
		s.fail(CodeBadValue, "expected an RFC 3339 time with its offset")
		return nil
	}
	t.Seconds, t.Nanos = at.Unix(), int32(at.Nanosecond())
	return t
}

func checkTime(p *place, t *timestamppb.Timestamp) {
	if t != nil && !t.IsValid() {
		p.fail(CodeBadValue, "the time is outside of the years 1 to 9999")
	}
}
