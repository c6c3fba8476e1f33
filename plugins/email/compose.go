package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	"github.com/carillonhq/carillon/sdk"
)

// longestLine is the most octets in a line, without its CRLF (RFC 5322
// section 2.1.1).
const longestLine = 998

// message is a mail that is ready for the wire.
type message struct {
	id      string // Message-ID without its angle brackets
	from    string // envelope
	to      string
	attempt uint32    // counts from 1
	utf8    bool      // the recipient needs SMTPUTF8
	size    int       // octets, as the SIZE extension counts them
	wire    []byte    // dot-stuffed, with the final dot
	latest  time.Time // after it the message is not begun; zero: no bound
}

// compose makes the message of an attempt. Every attempt at a send has the
// same Message-ID, so that a receiver that got it twice can tell.
func (c *config) compose(at *sdk.Attempt, now time.Time) (*message, error) {
	if err := refuseControls(at); err != nil {
		return nil, err
	}
	to, err := parseAddress(at.GetAddress().GetValue())
	if err != nil {
		return nil, rejected(sdk.Recipient, "invalid_address")
	}
	token := messageToken(at.Key)
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithBoundary("carillon_"+token))
	id := token + "@" + c.MessageIDDomain
	if err := c.setHeaders(m, at, to, id, now); err != nil {
		return nil, err
	}
	if err := setBody(m, at.GetContent()); err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	if _, err := m.WriteTo(&raw); err != nil {
		return nil, &stop{sdk.Rejected(sdk.Message, "compose"), err}
	}
	if tooLong(raw.Bytes()) {
		return nil, rejected(sdk.Message, "line_too_long")
	}
	signed, err := c.sign(raw.Bytes())
	if err != nil {
		return nil, &stop{sdk.Rejected(sdk.Credential, "dkim"), err}
	}
	return &message{id: id, attempt: at.Attempt, from: c.EnvelopeFrom, to: to.String(), utf8: to.utf8, size: len(signed), wire: dotStuff(signed)}, nil
}

// refuseControls refuses what could end a header line: header injection.
func refuseControls(at *sdk.Attempt) error {
	for _, s := range []string{at.GetContent().GetTitle(), at.GetAddress().GetValue(), at.Id, at.App, at.Campaign} {
		if strings.ContainsAny(s, "\r\n\x00") {
			return rejected(sdk.Message, "control_character")
		}
	}
	return nil
}

func (c *config) setHeaders(m *mail.Msg, at *sdk.Attempt, to address, id string, now time.Time) error {
	m.SetDateWithValue(now)
	m.SetMessageIDWithValue(id)
	// Runs of blanks would be folded into lines of blanks alone.
	m.Subject(strings.Join(strings.Fields(at.GetContent().GetTitle()), " "))
	m.SetGenHeader("X-Entity-Ref-ID", at.Id)
	m.FromMailAddress(&netmail.Address{Name: c.From.Name, Address: c.From.Address})
	err := m.To(to.String())
	if err == nil && c.ReplyTo != "" {
		err = m.ReplyTo(c.ReplyTo)
	}
	if err != nil {
		return rejected(sdk.Recipient, "invalid_address")
	}
	if at.Class == carillonv1.Class_CLASS_MARKETING || at.Campaign != "" {
		c.setBulkHeaders(m, at)
		return nil
	}
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	return nil
}

// setBulkHeaders marks campaign mail: List-Id (RFC 2919), List-Unsubscribe
// (RFC 2369), one-click (RFC 8058) and Gmail's Feedback-ID.
func (c *config) setBulkHeaders(m *mail.Msg, at *sdk.Attempt) {
	m.SetGenHeader("List-Id", "<"+label(at.App)+"."+c.MessageIDDomain+">")
	class := "transactional"
	if at.Class == carillonv1.Class_CLASS_MARKETING {
		class = "marketing"
	}
	m.SetGenHeader("Feedback-ID", strings.Join([]string{label(at.Campaign), label(c.name), class, label(at.App)}, ":"))
	m.SetGenHeader(mail.HeaderPrecedence, "bulk")
	if uris := c.ListUnsubscribe.uris(at); len(uris) > 0 {
		m.SetGenHeader(mail.HeaderListUnsubscribe, uris...)
	}
	if c.ListUnsubscribe.OneClick {
		m.SetGenHeader(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
}

// messageToken makes the key fit for a Message-ID and a boundary. The engine's
// keys are.
func messageToken(key string) string {
	if key != "" && len(key) <= 40 && label(key) == key {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// label makes s fit for a place where only simple names go.
func label(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		default:
			return '-'
		}
	}, s)
}

func tooLong(raw []byte) bool {
	for line := range bytes.Lines(raw) {
		if len(line) > longestLine+2 {
			return true
		}
	}
	return false
}

// dotStuff doubles a dot at the start of a line and ends the mail data (RFC
// 5321 section 4.5.2). raw ends its lines with CRLF.
func dotStuff(raw []byte) []byte {
	wire := make([]byte, 0, len(raw)+len(raw)/64+5)
	for line := range bytes.Lines(raw) {
		if line[0] == '.' {
			wire = append(wire, '.')
		}
		wire = append(wire, line...)
	}
	if !bytes.HasSuffix(wire, []byte("\r\n")) {
		wire = append(wire, "\r\n"...)
	}
	return append(wire, ".\r\n"...)
}
