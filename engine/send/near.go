package send

import "strings"

const (
	// maxNear bounds what one record can make us remember.
	maxNear = 16
	// nearLetters is how long a name must be for one wrong letter to be
	// called a slip: shorter names are too close to each other.
	nearLetters = 5
)

// isNear says whether an unknown name was probably meant to be a known one.
func isNear[M any](fields []field[M], name string) bool {
	plain := plainName(name)
	for i := range fields {
		known := fields[i].plain
		if plain == known ||
			len(plain) >= nearLetters && len(known) >= nearLetters && oneSlip(plain, known) {
			return true
		}
	}
	return false
}

func (s *scanner) noteNear(name string) {
	if s.blind {
		s.fail("", "") // its path is wanted
		return
	}
	if len(s.near) == maxNear {
		return
	}
	if path := s.String(); path != "" {
		name = path + "." + name
	}
	s.near = append(s.near, strings.Clone(name))
}

func plainName(name string) string { return strings.ToLower(separators.Replace(name)) }

var separators = strings.NewReplacer("_", "", "-", "")

// oneSlip says whether one letter changed, added, dropped or swapped with its
// neighbour makes a into b.
func oneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) || a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
