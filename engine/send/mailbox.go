package send

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// isMailbox checks the mailbox of RFC 5321, section 4.1.2, with the lengths of
// section 4.5.3.1 and the characters of RFC 6531 (SMTPUTF8): local-part@domain,
// where the local part is a dot-string or a quoted string, and the domain a
// name, also an internationalised one, or an address literal.
func isMailbox(v string) bool {
	at := strings.LastIndexByte(v, '@')
	if at < 1 || at > 64 || len(v) > 254 {
		return false
	}
	return isLocalPart(v[:at]) && isMailDomain(v[at+1:])
}

func isLocalPart(v string) bool {
	if len(v) >= 2 && v[0] == '"' {
		return isQuoted(v)
	}
	for atom := range strings.SplitSeq(v, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			if !isAtomText(r) {
				return false
			}
		}
	}
	return true
}

// isAtomText is atext of RFC 5322, section 3.2.3, and what RFC 6531 adds.
func isAtomText(r rune) bool {
	if r >= 0x80 {
		return !isControl(r)
	}
	return isAlphanumeric(byte(r)) || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

func isQuoted(v string) bool {
	if len(v) < 3 || v[len(v)-1] != '"' { // nobody has the empty name, and net/mail can't read it
		return false
	}
	inner := v[1 : len(v)-1]
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '"':
			return false
		case '\\':
			if i++; i == len(inner) || inner[i] < ' ' || inner[i] > '~' {
				return false
			}
		}
	}
	return true
}

func isMailDomain(v string) bool {
	if literal, is := strings.CutPrefix(v, "["); is {
		return isLiteral(literal)
	}
	ascii := v
	if !isPrintable(v) {
		var err error
		if ascii, err = idna.Lookup.ToASCII(v); err != nil {
			return false
		}
	}
	if len(ascii) > 253 {
		return false
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel is a let-dig string of RFC 5321, at most 63 bytes (RFC 1035).
func isLabel(v string) bool {
	if v == "" || len(v) > 63 || v[0] == '-' || v[len(v)-1] == '-' {
		return false
	}
	for i := range len(v) {
		if !isAlphanumeric(v[i]) && v[i] != '-' {
			return false
		}
	}
	return true
}

func isLiteral(v string) bool {
	v, closed := strings.CutSuffix(v, "]")
	if !closed {
		return false
	}
	if six, is := strings.CutPrefix(v, "IPv6:"); is {
		a, err := netip.ParseAddr(six)
		return err == nil && a.Is6() && a.Zone() == ""
	}
	a, err := netip.ParseAddr(v)
	return err == nil && a.Is4()
}
