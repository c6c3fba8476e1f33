package email

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/carillonhq/carillon/sdk"
)

// config is what an account runs with: checked settings, and what was made of
// them. It is never changed.
type config struct {
	settings
	name      string // the account's
	password  sdk.Secret
	tlsConfig *tls.Config
	dkim      *dkim.SignOptions // nil: not signed here
}

// newConfig checks everything, and reports all that is wrong at once.
func newConfig(a sdk.AccountConfig) (*config, error) {
	s, err := readSettings(a)
	if err != nil {
		return nil, err
	}
	c := &config{settings: s, name: a.Name, password: a.Secrets[secretPassword]}
	var f sdk.Faults
	c.checkRelay(&f)
	c.checkAddresses(&f)
	c.checkUnsubscribe(&f)
	c.checkLimits(&f)
	c.tlsConfig = c.makeTLS(&f)
	c.dkim = c.makeDKIM(a.Secrets[secretDKIMKey], &f)
	return c, f.Err()
}

func (c *config) checkRelay(f *sdk.Faults) {
	f.Add(c.Host != "" && !strings.ContainsAny(c.Host, " \t\r\n:/"), "host", "must be the relay's host name or IP address, without a port")
	f.Add(c.Port > 0 && c.Port < 1<<16, "port", "must be 1 to 65535")
	f.Add(plain(c.Helo) && !strings.Contains(c.Helo, " "), "helo", "must be a host name or an address literal")
	f.Add(slices.Contains([]string{tlsRequired, tlsOptional, tlsImplicit, tlsNone}, c.TLS.Mode),
		"tls.mode", "must be starttls, starttls_optional, implicit or none")
	switch c.Auth.Mechanism {
	case authNone:
		f.Add(c.Auth.Username == "" && c.password.Reveal() == "", "auth.mechanism", "is none, but a username or a password is given: remove them, or use plain or login")
	case authPlain, authLogin:
		f.Add(c.Auth.Username != "", "auth.username", "is needed to log in")
		f.Add(c.password.Reveal() != "", "secrets.password", "is needed to log in")
		f.Add(plain(c.Auth.Username) && plain(c.password.Reveal()), "auth", "the username and the password must hold no control character")
	default:
		f.Add(false, "auth.mechanism", "must be plain, login or none")
	}
}

func (c *config) checkAddresses(f *sdk.Faults) {
	c.From.Address = c.checkAddress(c.From.Address, "from.address", f)
	c.EnvelopeFrom = c.checkAddress(c.EnvelopeFrom, "envelope_from", f)
	if c.ReplyTo != "" {
		c.ReplyTo = c.checkAddress(c.ReplyTo, "reply_to", f)
	}
	f.Add(plain(c.From.Name), "from.name", "must hold no control character")
	if c.MessageIDDomain == "" {
		_, c.MessageIDDomain, _ = strings.Cut(c.From.Address, "@")
	}
	domain, err := asciiDomain(c.MessageIDDomain)
	f.Add(err == nil, "message_id_domain", "must be a domain name")
	c.MessageIDDomain = domain
}

// checkAddress returns the address with its domain in ASCII. Our own addresses
// have an ASCII local part, so that they work on servers without SMTPUTF8.
func (c *config) checkAddress(s, path string, f *sdk.Faults) string {
	a, err := parseAddress(s)
	f.Add(err == nil, path, "must be one email address, like news@example.com")
	f.Add(!a.utf8, path, "must have an ASCII local part")
	return a.String()
}

func (c *config) checkUnsubscribe(f *sdk.Faults) {
	u := c.ListUnsubscribe
	example := fill(u.URL, func(string) string { return "x" })
	parsed, err := url.Parse(example)
	ok := err == nil && parsed.Host != "" && (parsed.Scheme == "https" || parsed.Scheme == "http")
	if u.URL != "" {
		f.Add(ok && headerURI(example), "list_unsubscribe.url", "must be an http or https URL; it may hold {id}, {recipient}, {app} and {campaign}")
	}
	if u.Mailto != "" {
		example = fill(u.Mailto, func(string) string { return "x" })
		f.Add(strings.HasPrefix(example, "mailto:") && headerURI(example), "list_unsubscribe.mailto", "must be a mailto: URI; it may hold {id}, {recipient}, {app} and {campaign}")
	}
	f.Add(!u.OneClick || ok && parsed.Scheme == "https", "list_unsubscribe.one_click", "needs an https url (RFC 8058)")
}

func (c *config) checkLimits(f *sdk.Faults) {
	f.Add(c.Connections >= 1 && c.Connections <= 1000, "connections", "must be 1 to 1000")
	f.Add(c.MessagesPerConnection >= 0, "messages_per_connection", "must be 0 (no bound) or more")
	for _, t := range []struct {
		name  string
		value sdk.Duration
		least time.Duration
	}{
		{"connect", c.Timeouts.Connect, time.Millisecond},
		{"command", c.Timeouts.Command, time.Millisecond},
		{"data", c.Timeouts.Data, time.Millisecond},
		{"answer", c.Timeouts.Answer, time.Minute},
		{"idle", c.Timeouts.Idle, time.Millisecond},
	} {
		f.Add(time.Duration(t.value) >= t.least, "timeouts."+t.name, fmt.Sprintf("must be at least %v", t.least))
	}
}

func (c *config) makeTLS(f *sdk.Faults) *tls.Config {
	cfg := &tls.Config{
		ServerName:         c.TLS.ServerName,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: c.TLS.InsecureSkipVerify, //nolint:gosec // off unless the operator asks for it
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	if c.TLS.CAFile == "" {
		return cfg
	}
	pem, err := os.ReadFile(c.TLS.CAFile)
	f.Add(err == nil, "tls.ca_file", "can't be read: give the path of a PEM file that the plugin's process may read")
	if err == nil {
		cfg.RootCAs = x509.NewCertPool()
		f.Add(cfg.RootCAs.AppendCertsFromPEM(pem), "tls.ca_file", "holds no PEM certificate")
	}
	return cfg
}

func (c *config) makeDKIM(key sdk.Secret, f *sdk.Faults) *dkim.SignOptions {
	d := c.DKIM
	if d.Domain == "" && d.Selector == "" && key.Reveal() == "" {
		return nil
	}
	domain, err := asciiDomain(d.Domain)
	f.Add(err == nil, "dkim.domain", "must be a domain name")
	selector, err := asciiDomain(d.Selector)
	f.Add(err == nil, "dkim.selector", "must be the name before ._domainkey in the DNS")
	signer, err := parseKey(key)
	if err != nil {
		f.Add(false, "secrets.dkim_key", err.Error())
	}
	return signOptions(domain, selector, signer)
}

// plain tells whether s holds no control character.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
