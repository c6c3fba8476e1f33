// Package emailsim is an SMTP server for dev mode, tests and benchmarks: it
// keeps what arrives and delivers nothing. The protocol is go-smtp's, thus not
// written by who wrote the client.
//
// What a recipient's local part says decides how it is treated; a "+tag" is
// ignored.
//
//	bounce         550 5.1.1 at RCPT
//	full           452 4.2.2 at RCPT
//	grey           451 4.7.1 at RCPT the first time, then taken
//	busy           421 at RCPT, and the session is closed
//	slow           taken, and answered after Options.Slow
//	drop           taken, and the connection closed without an answer
//	toolarge       552 5.3.4 after the final dot
//	spam           554 5.7.1 after the final dot
//	rcpt-CODE-X.Y.Z, dot-CODE-X.Y.Z
//	               that reply, at RCPT or after the final dot; without -X.Y.Z
//	               a reply that has no enhanced status code
package emailsim

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
)

// Options says what the server offers. The zero value takes mail from anybody
// in the clear.
type Options struct {
	// STARTTLS offers it, ImplicitTLS speaks TLS from the first byte; both with
	// a certificate of the server's own (see Server.Certificate).
	STARTTLS, ImplicitTLS bool
	// Username and Password, where set, must be given (AUTH PLAIN or LOGIN).
	Username, Password string
	// SMTPUTF8 offers the extension (RFC 6531).
	SMTPUTF8 bool
	// MaxMessageBytes is the SIZE that is announced. 0 stands for 25 MiB.
	MaxMessageBytes int64
	// Keep is how many messages are kept, the latest. 0 stands for 1000. They
	// are never more than 64 MiB together.
	Keep int
	// Taken, where set, is given every message that is taken, before the answer.
	// It is called by several goroutines.
	Taken func(*Message)
	// Latency is waited for before every final answer, when the mail is kept
	// already.
	Latency time.Duration
	// Slow is waited for before the final answer to "slow". 0 stands for 2 s.
	Slow time.Duration
}

// Server is a running server. Its methods may be called from any goroutine.
type Server struct {
	opts     Options
	listener *listener
	smtp     *smtp.Server
	served   chan struct{}
	closing  context.Context
	cancel   context.CancelFunc
	cert     []byte
	inbox    inbox
	faults   faults
}

// Start listens on addr ("127.0.0.1:0" for any free port) and serves until
// Close.
func Start(addr string, opts Options) (*Server, error) {
	opts = withDefaults(opts)
	cert, pem, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("email simulator: make a certificate: %w", err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("email simulator: listen: %w", err)
	}
	s := &Server{opts: opts, listener: &listener{Listener: l}, served: make(chan struct{}), cert: pem}
	s.closing, s.cancel = context.WithCancel(context.Background())
	s.inbox = inbox{keep: opts.Keep, changed: make(chan struct{})}
	s.faults.greyed = map[string]bool{}
	s.smtp = s.server(cert)
	go func() {
		defer close(s.served)
		_ = s.smtp.Serve(s.accepting(cert))
	}()
	return s, nil
}

func withDefaults(o Options) Options {
	if o.MaxMessageBytes == 0 {
		o.MaxMessageBytes = 25 << 20
	}
	if o.Keep == 0 {
		o.Keep = 1000
	}
	if o.Slow == 0 {
		o.Slow = 2 * time.Second
	}
	return o
}

func (s *Server) server(cert tls.Certificate) *smtp.Server {
	srv := smtp.NewServer(smtp.BackendFunc(s.newSession))
	srv.Domain = "emailsim.invalid"
	srv.MaxMessageBytes = s.opts.MaxMessageBytes
	srv.EnableSMTPUTF8 = s.opts.SMTPUTF8
	srv.AllowInsecureAuth = !s.opts.STARTTLS
	srv.ErrorLog = log.New(io.Discard, "", 0)
	if s.opts.STARTTLS {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	return srv
}

func (s *Server) accepting(cert tls.Certificate) net.Listener {
	if s.opts.ImplicitTLS {
		return tls.NewListener(s.listener, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	}
	return s.listener
}

// Addr returns the address that the server listens on, "127.0.0.1:2525".
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Certificate returns the server's certificate in PEM. It is its own
// authority, and holds the names localhost, 127.0.0.1 and ::1.
func (s *Server) Certificate() []byte { return s.cert }

// Connections returns how many connections were ever accepted.
func (s *Server) Connections() int { return int(s.listener.accepted.Load()) }

// Messages returns the messages that are kept, the oldest first.
func (s *Server) Messages() []Message { return s.inbox.messages() }

// Received returns how many messages ever arrived, kept or not.
func (s *Server) Received() int { return s.inbox.count() }

// Wait returns once n messages have arrived since the start, or with the error
// of ctx.
func (s *Server) Wait(ctx context.Context, n int) error { return s.inbox.wait(ctx, n) }

// FailNext answers the next n RCPT commands with the code and the enhanced
// status code ("4.3.1"; empty for none).
func (s *Server) FailNext(n, code int, enhanced string) {
	s.faults.failNext(n, refusal(code, enhanced))
}

// Close ends the server and its sessions.
func (s *Server) Close() error {
	s.cancel()
	err := s.smtp.Close()
	_ = s.listener.Close() // go-smtp knows it only once it serves
	<-s.served
	return err
}

// listener counts the connections.
type listener struct {
	net.Listener
	accepted atomic.Int64
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return c, err
}

// faults holds what is not said by the recipient alone.
type faults struct {
	mu     sync.Mutex
	left   int
	reply  *smtp.SMTPError
	greyed map[string]bool
}

func (f *faults) failNext(n int, reply *smtp.SMTPError) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.reply = n, reply
}

// next returns the reply that FailNext asked for, if any is left.
func (f *faults) next() *smtp.SMTPError {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return nil
	}
	f.left--
	return f.reply
}

// grey tells whether the recipient is here for the first time.
func (f *faults) grey(recipient string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := !f.greyed[recipient]
	f.greyed[recipient] = true
	return first
}
