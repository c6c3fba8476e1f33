package email

import (
	"errors"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// address is a mailbox as the envelope carries it: the domain is ASCII.
type address struct {
	local  string // quoted where it must be
	domain string
	utf8   bool // the local part needs SMTPUTF8 (RFC 6531)
}

func (a address) String() string {
	if a.local == "" {
		return ""
	}
	return a.local + "@" + a.domain
}

// parseAddress reads one bare mailbox: no name, no comment, no list. The
// bounds are those of RFC 5321 section 4.5.3.1. The error does not show it.
func parseAddress(s string) (address, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return address{}, errors.New("not an email address")
	}
	local, domain := s[:at], s[at+1:]
	if parsed, err := mail.ParseAddress("<" + s + ">"); err != nil || !plain(s) || parsed.Name != "" || !sameMailbox(parsed.Address, local, domain) {
		return address{}, errors.New("not an email address")
	}
	if len(local) > 64 {
		return address{}, errors.New("the local part is longer than 64 bytes")
	}
	domain, err := asciiDomain(domain)
	if err != nil {
		return address{}, err
	}
	return address{local, domain, strings.ContainsFunc(local, func(r rune) bool { return r >= 0x80 })}, nil
}

// sameMailbox makes sure that nothing was dropped in parsing, such as a
// comment. A quoted local part is parsed to what its quotes hold.
func sameMailbox(parsed, local, domain string) bool {
	return parsed == local+"@"+domain || strings.HasPrefix(local, `"`) && strings.HasSuffix(parsed, "@"+domain)
}

// asciiDomain converts a domain name to its A-label form (RFC 5890). An
// address literal is kept.
func asciiDomain(domain string) (string, error) {
	if strings.HasPrefix(domain, "[") && strings.HasSuffix(domain, "]") && len(domain) > 2 && plain(domain) {
		return domain, nil
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || ascii == "" || len(ascii) > 255 {
		return "", errors.New("not a domain name")
	}
	return ascii, nil
}
