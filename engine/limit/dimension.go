package limit

import (
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// Dimension is what a limit holds for each value of by itself: each app, each
// domain. The zero Dimension is the account, which has but one value.
type Dimension uint8

// The dimensions.
const (
	Account Dimension = iota
	// App and Campaign are those of the send; a campaign is its app's.
	App
	Campaign
	// Recipient is the app's id of a person.
	Recipient
	// Domain is what follows the @ of an email address, and the host of a URL.
	Domain
	// CallingCode is what a phone number in E.164 begins with (ITU-T E.164,
	// "List of ITU-T Recommendation E.164 assigned country codes").
	CallingCode
	// Dimensions is how many there are.
	Dimensions
)

var dimensionNames = [Dimensions]string{"account", "app", "campaign", "recipient", "domain", "calling_code"}

// String returns the name that plugins, configurations and metrics use.
func (d Dimension) String() string { return dimensionNames[d] }

// ParseDimension reads a name. What it does not know may be a dimension of the
// provider's own.
func ParseDimension(name string) (Dimension, bool) {
	i := slices.Index(dimensionNames[:], name)
	return Dimension(max(0, i)), i >= 0
}

// Subject is what the limits of an attempt are by.
type Subject struct{ App, Campaign, Recipient, Address string }

// Value returns the hash of the subject's value of a dimension; false where it
// has none. Two values of one hash share a limit, which is kept all the same.
func (d Dimension) Value(s *Subject) (hash uint64, ok bool) {
	seed := uint64(d)
	switch d {
	case App:
		return xxh3.HashStringSeed(s.App, seed), true
	case Campaign:
		return xxh3.HashStringSeed(s.Campaign, xxh3.HashStringSeed(s.App, seed)), s.Campaign != ""
	case Recipient:
		return xxh3.HashStringSeed(s.Recipient, xxh3.HashStringSeed(s.App, seed)), true
	case Domain:
		host := domain(s.Address)
		return hashFolded(host, seed), host != ""
	case CallingCode:
		code := callingCode(s.Address)
		return xxh3.HashStringSeed(code, seed), code != ""
	default:
		return seed, true
	}
}

// domain returns the host of a URL, without its port, or what follows the last @.
func domain(address string) string {
	_, rest, isURL := strings.Cut(address, "://")
	if !isURL {
		if at := strings.LastIndexByte(address, '@'); at >= 0 {
			return address[at+1:]
		}
		return ""
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if end := strings.IndexByte(rest, ']'); end >= 0 { // an IPv6 address has colons of its own
		return rest[:end+1]
	}
	host, _, _ := strings.Cut(rest, ":")
	return host
}

// hashFolded hashes a name whose case does not count.
func hashFolded(s string, seed uint64) uint64 {
	var space [64]byte
	b := space[:0]
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return xxh3.HashSeed(b, seed)
}

// callingCode returns "+" and the country code of an E.164 number: 1 and 7 are
// whole codes, those below have two digits, all others three.
func callingCode(number string) string {
	const twoDigits = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98"
	if len(number) < 4 || number[0] != '+' {
		return ""
	}
	switch {
	case number[1] == '1' || number[1] == '7':
		return number[:2]
	case strings.Contains(twoDigits, number[1:3]):
		return number[:3]
	default:
		return number[:4]
	}
}
