package email

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// session is one SMTP session. Whoever took it from the pool has it alone.
type session struct {
	cfg  *config
	line net.Conn // the TCP connection
	conn net.Conn // the same, or TLS on it
	in   *bufio.Reader
	ext  extensions

	sent   int  // messages
	nested bool // a transaction is open that RSET must end first
	dead   bool // of no further use
	idle   *time.Timer
}

// extensions is what the server said in its answer to EHLO.
type extensions struct {
	startTLS, pipelining, utf8 bool
	size                       int // 0: no bound is known
	auth                       []string
}

// dial opens a session: TCP, greeting, EHLO, TLS, AUTH.
func dial(ctx context.Context, c *config) (*session, error) {
	d := net.Dialer{Timeout: time.Duration(c.Timeouts.Connect)}
	line, err := d.DialContext(ctx, "tcp", net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
	if err != nil {
		code := "connect"
		var dns *net.DNSError
		if errors.As(err, &dns) {
			code = "dns"
		}
		return nil, failed(ended(ctx, code), err)
	}
	s := &session{cfg: c, line: line, conn: line, in: bufio.NewReaderSize(line, longestReplyLine)}
	release := s.bind(ctx)
	err = s.open(ctx)
	release()
	if err != nil {
		s.quit()
		return nil, err
	}
	return s, nil
}

// bind makes the session's reads and writes end when ctx does. The release
// must be called before somebody else uses the session.
func (s *session) bind(ctx context.Context) (release func()) {
	stop := context.AfterFunc(ctx, func() { _ = s.line.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if !stop() {
			s.dead = true // its deadline is, or will be, in the past
		}
	}
}

func (s *session) open(ctx context.Context) error {
	mode := s.cfg.TLS.Mode
	if mode == tlsImplicit {
		if err := s.secure(ctx); err != nil {
			return err
		}
	}
	if _, err := s.await(ctx, stepGreeting, 220); err != nil {
		return err
	}
	if err := s.hello(ctx); err != nil {
		return err
	}
	if mode == tlsRequired || mode == tlsOptional && s.ext.startTLS {
		if err := s.startTLS(ctx); err != nil {
			return err
		}
	}
	return s.authenticate(ctx)
}

func (s *session) hello(ctx context.Context) error {
	name := s.cfg.Helo
	if name == "" {
		name = addressLiteral(s.line.LocalAddr())
	}
	r, err := s.command(ctx, stepHello, "EHLO "+name, 250)
	if err != nil {
		return err
	}
	s.ext = readExtensions(r.text)
	return nil
}

// addressLiteral names a host without a name (RFC 5321 section 4.1.3).
func addressLiteral(a net.Addr) string {
	host, _, _ := net.SplitHostPort(a.String())
	host, _, _ = strings.Cut(host, "%")
	if strings.Contains(host, ":") {
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

func readExtensions(text string) (e extensions) {
	_, rest, _ := strings.Cut(text, "\n") // the first line is a greeting
	for line := range strings.Lines(rest) {
		words := strings.Fields(strings.ToUpper(line))
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "STARTTLS":
			e.startTLS = true
		case "PIPELINING":
			e.pipelining = true
		case "SMTPUTF8":
			e.utf8 = true
		case "AUTH":
			e.auth = words[1:]
		case "SIZE":
			if len(words) > 1 {
				e.size, _ = strconv.Atoi(words[1])
			}
		}
	}
	return e
}

// startTLS says EHLO again afterwards: what was said in the clear does not
// count (RFC 3207 section 4.2).
func (s *session) startTLS(ctx context.Context) error {
	if !s.ext.startTLS {
		return failed("tls", errors.New("the server offers no STARTTLS: set tls.mode to implicit, or to starttls_optional to go on without"))
	}
	if _, err := s.command(ctx, stepTLS, "STARTTLS", 220); err != nil {
		return err
	}
	if s.in.Buffered() > 0 { // somebody on the way slipped plain text in
		s.dead = true
		return failed("tls", errBadReply)
	}
	if err := s.secure(ctx); err != nil {
		return err
	}
	return s.hello(ctx)
}

func (s *session) secure(ctx context.Context) error {
	conn := tls.Client(s.line, s.cfg.tlsConfig)
	s.arm(ctx, time.Duration(s.cfg.Timeouts.Command))
	if err := conn.HandshakeContext(ctx); err != nil {
		s.dead = true
		return failed(ended(ctx, "tls"), err)
	}
	s.conn, s.in = conn, bufio.NewReaderSize(conn, longestReplyLine)
	return nil
}

// authenticate sends no password over a line that was meant to be secret and
// is not.
func (s *session) authenticate(ctx context.Context) error {
	a, password := s.cfg.Auth, s.cfg.password.Reveal()
	if a.Mechanism == authNone {
		return nil
	}
	if _, secret := s.conn.(*tls.Conn); !secret && s.cfg.TLS.Mode != tlsNone {
		return failed("tls", errors.New("the server offers no STARTTLS, and a password is not sent in the clear"))
	}
	if !slices.Contains(s.ext.auth, strings.ToUpper(a.Mechanism)) {
		return rejected(sdk.Credential, "auth_unsupported")
	}
	if a.Mechanism == authPlain { // RFC 4616
		_, err := s.command(ctx, stepAuth, "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00"+a.Username+"\x00"+password)), 235)
		return err
	}
	if _, err := s.command(ctx, stepAuth, "AUTH LOGIN", 334); err != nil {
		return err
	}
	if _, err := s.command(ctx, stepAuth, base64.StdEncoding.EncodeToString([]byte(a.Username)), 334); err != nil {
		return err
	}
	_, err := s.command(ctx, stepAuth, base64.StdEncoding.EncodeToString([]byte(password)), 235)
	return err
}
