package emailsim

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one SMTP session, as go-smtp calls it: from one goroutine.
type session struct {
	server *Server
	conn   *smtp.Conn
	user   string
	from   string
	to     []string
}

func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{server: s, conn: c}, nil
}

func (x *session) AuthMechanisms() []string {
	if x.server.opts.Username == "" {
		return nil
	}
	return []string{sasl.Plain, "LOGIN"}
}

func (x *session) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, username, password string) error { return x.login(username, password) }), nil
	case "LOGIN":
		return &loginServer{login: x.login}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (x *session) login(username, password string) error {
	o := x.server.opts
	right := subtle.ConstantTimeCompare([]byte(username), []byte(o.Username)) & subtle.ConstantTimeCompare([]byte(password), []byte(o.Password))
	if right == 0 {
		return smtp.ErrAuthFailed
	}
	x.user = username
	return nil
}

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	if x.server.opts.Username != "" && x.user == "" {
		return refusal(530, "5.7.0")
	}
	x.from = from
	return nil
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if r := x.server.faults.next(); r != nil {
		return r
	}
	switch part := localPart(to); part {
	case "bounce":
		return refusal(550, "5.1.1")
	case "full":
		return refusal(452, "4.2.2")
	case "grey":
		if x.server.faults.grey(to) {
			return refusal(451, "4.7.1")
		}
	case "busy":
		x.conn.Reject()
		return errors.New("closed")
	default:
		if r := scripted(part, "rcpt-"); r != nil {
			return r
		}
	}
	x.to = append(x.to, to)
	return nil
}

func (x *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	part := localPart(x.to[0])
	wait := x.server.opts.Latency
	switch part {
	case "toolarge":
		return refusal(552, "5.3.4")
	case "spam":
		return refusal(554, "5.7.1")
	case "slow":
		wait = x.server.opts.Slow
	default:
		if r := scripted(part, "dot-"); r != nil {
			return r
		}
	}
	_, secret := x.conn.TLSConnectionState()
	m := &Message{From: x.from, To: x.to, Raw: raw, At: time.Now(), TLS: secret, User: x.user}
	if x.server.opts.Taken != nil {
		x.server.opts.Taken(m)
	}
	n := x.server.inbox.add(m)
	x.pause(wait)
	if part == "drop" {
		_ = x.conn.Conn().Close() // the answer has nowhere to go
	}
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: fmt.Sprintf("Ok: queued as SIM%06X", n)}
}

// pause ends early when the server is closed.
func (x *session) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.server.closing.Done():
	}
}

func (x *session) Reset() { x.from, x.to = "", nil }

func (x *session) Logout() error { return nil }

// localPart returns what is before the @, without quotes and "+tag", in lower
// case.
func localPart(address string) string {
	local, _, _ := strings.Cut(strings.Trim(address, `"`), "@")
	local, _, _ = strings.Cut(local, "+")
	return strings.ToLower(local)
}

// scripted reads "rcpt-550-5.1.1" and "rcpt-550".
func scripted(part, prefix string) *smtp.SMTPError {
	script, ok := strings.CutPrefix(part, prefix)
	if !ok {
		return nil
	}
	digits, enhanced, _ := strings.Cut(script, "-")
	if code, err := strconv.Atoi(digits); err == nil && code >= 400 && code <= 599 {
		return refusal(code, enhanced)
	}
	return nil
}

func refusal(code int, enhanced string) *smtp.SMTPError {
	r := &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: "refused by the simulator"}
	var e smtp.EnhancedCode
	if n, err := fmt.Sscanf(enhanced, "%d.%d.%d", &e[0], &e[1], &e[2]); n == 3 && err == nil {
		r.EnhancedCode = e
	}
	return r
}

// loginServer is the server's side of AUTH LOGIN, which go-sasl lacks
// (draft-murchison-sasl-login).
type loginServer struct {
	login    func(username, password string) error
	asked    int
	username string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if l.asked == 0 && response != nil { // an initial response is the username
		l.asked = 1
	}
	l.asked++
	switch l.asked {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.username = string(response)
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.login(l.username, string(response))
	}
}
