package emailsim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/smtp"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	s, err := Start("127.0.0.1:0", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func send(s *Server, to, subject string) error {
	return smtp.SendMail(s.Addr(), nil, "a@example.com", []string{to}, []byte("Subject: "+subject+"\r\n\r\n.text\r\n"))
}

func TestKeepsTheLatest(t *testing.T) {
	s := start(t, Options{Keep: 3})
	for i := range 5 {
		if err := send(s, "ana@example.com", fmt.Sprint("mail ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Wait(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	all := s.Messages()
	if len(all) != 3 || s.Received() != 5 || s.Connections() != 5 {
		t.Fatalf("%d kept of %d over %d connections", len(all), s.Received(), s.Connections())
	}
	if m := all[0]; m.Subject != "mail 2" || m.Text != ".text\r\n" || m.From != "a@example.com" || m.To[0] != "ana@example.com" {
		t.Errorf("%+v", m)
	}
}

func TestWaitEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := start(t, Options{}).Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	s := start(t, Options{})
	s.FailNext(1, 550, "5.7.1")
	for _, x := range []struct{ to, want string }{
		{"ana", "550 5.7.1"}, // asked for by FailNext
		{"ana", ""},
		{"bounce+tag", "550 5.1.1"},
		{"full", "452 4.2.2"},
		{"grey", "451 4.7.1"},
		{"grey", ""},
		{"busy", "421"},
		{"toolarge", "552 5.3.4"},
		{"spam", "554 5.7.1"},
		{"rcpt-450-4.2.1", "450 4.2.1"},
		{"dot-554", "554 refused"},
		{"rcpt-nonsense", ""},
		{"drop", "EOF"},
	} {
		got := ""
		if err := send(s, x.to+"@example.com", "x"); err != nil {
			got = strings.ReplaceAll(err.Error(), `"`, "") // textproto quotes the text
		}
		if !strings.HasPrefix(got, x.want) || got != "" && x.want == "" {
			t.Errorf("%s: %q, want %q", x.to, got, x.want)
		}
	}
	if got := s.Received(); got != 4 {
		t.Errorf("%d mails, want 4: the one whose answer was dropped counts", got)
	}
}

func TestTLSAndLogin(t *testing.T) {
	s := start(t, Options{STARTTLS: true, Username: "u", Password: "p"})
	c, err := smtp.Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(s.Certificate())
	if ok, _ := c.Extension("AUTH"); ok {
		t.Error("a password is asked for in the clear")
	}
	if err := c.StartTLS(&tls.Config{RootCAs: trusted, ServerName: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail("a@example.com"); err == nil || !strings.HasPrefix(err.Error(), "530") {
		t.Errorf("without a login: %v", err)
	}
	if err := c.Auth(smtp.PlainAuth("", "u", "wrong", "127.0.0.1")); err == nil {
		t.Error("a wrong password is taken")
	}
}

// Close does not wait for a slow answer.
func TestCloseEndsSlowness(t *testing.T) {
	s := start(t, Options{Slow: time.Hour})
	sent := make(chan error, 1)
	go func() { sent <- send(s, "slow@example.com", "x") }()
	if err := s.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	select {
	case err := <-sent:
		t.Logf("the client sees: %v", err)
	case <-time.After(10 * time.Second):
		t.Fatal("the session goes on 10 s after Close")
	}
}
