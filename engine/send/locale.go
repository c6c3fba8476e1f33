package send

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones must be known where the machine has no zone files
)

// isLocale checks the shape of a BCP 47 tag (RFC 5646, section 2.1): subtags of
// one to eight letters and digits, joined by hyphens, the first a language of
// two to eight letters, or the `x` of a private tag.
func isLocale(tag string) bool {
	language, rest, more := strings.Cut(tag, "-")
	if !(len(language) >= 2 && len(language) <= 8 && isLetters(language)) &&
		!(more && (language == "x" || language == "X")) {
		return false
	}
	for more {
		var subtag string
		subtag, rest, more = strings.Cut(rest, "-")
		if len(subtag) < 1 || len(subtag) > 8 || !isAlphanumerics(subtag) {
			return false
		}
	}
	return true
}

func isLetters(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) || s[i] <= '9' {
			return false
		}
	}
	return true
}

func isAlphanumerics(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) {
			return false
		}
	}
	return true
}

// zones remembers the zones that were found. There are a few hundred. Those
// that were not are not remembered: there is no end to them.
var zones sync.Map // name → *time.Location

// Zone returns the zone of the IANA time zone database that has the name, nil
// where none has. It is safe for concurrent use.
func Zone(name string) *time.Location {
	if z, known := zones.Load(name); known {
		return z.(*time.Location)
	}
	if !isZoneName(name) {
		return nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	zones.Store(strings.Clone(name), z)
	return z
}

// isZone says whether the name is that of a zone that can be loaded.
func isZone(name string) bool { return Zone(name) != nil }

// isZoneName keeps what can't be a zone's name from looking for files. "Local"
// is the machine's zone and nobody's address.
func isZoneName(name string) bool {
	if name == "Local" || name == "" {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && !strings.ContainsRune("/_+-", rune(c)) {
			return false
		}
	}
	return isLetters(name[:1])
}
