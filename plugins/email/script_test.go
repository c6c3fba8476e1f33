package email

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// script is a server that answers as it is told, where go-smtp would be too
// well-behaved. The key is the first word of a command, "greeting" or "dot";
// each time the next of its answers is given, the last one for ever. The
// answer "close" closes the connection.
type script struct {
	replies map[string][]string

	mu    sync.Mutex
	given map[string]int
	heard []string
}

func (s *script) next(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, key)
	replies := s.replies[key]
	if len(replies) == 0 {
		return map[string]string{
			"greeting": "220 hi", "EHLO": "250 hi", "DATA": "354 go", "QUIT": "221 bye", "dot": "250 2.0.0 Ok: queued as ABC123",
		}[key]
	}
	n := min(s.given[key], len(replies)-1)
	s.given[key]++
	return replies[n]
}

func (s *script) start(t *testing.T) (addr string) {
	t.Helper()
	s.given = map[string]int{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	return l.Addr().String()
}

func (s *script) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	key := "greeting"
	for {
		answer := s.next(key)
		if answer == "" {
			answer = "250 ok"
		}
		if answer == "close" {
			return
		}
		if _, err := conn.Write([]byte(strings.ReplaceAll(answer, "\n", "\r\n") + "\r\n")); err != nil || key == "QUIT" {
			return
		}
		for inData := strings.HasPrefix(answer, "354"); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			key, _, _ = strings.Cut(strings.TrimSpace(line), " ")
			if !inData {
				break
			}
			if line == ".\r\n" {
				key = "dot"
				break
			}
		}
	}
}

const pipelining = "250-hi\n250 PIPELINING"

func TestDialogue(t *testing.T) {
	for _, x := range []struct {
		name    string
		replies map[string][]string
		want    []string // verdicts of as many mails
		heard   string   // what the server must have heard, in order, somewhere
	}{
		{"no service", map[string][]string{"greeting": {"554 no"}}, []string{"rejected credential 554"}, "greeting QUIT"},
		{"busy", map[string][]string{"greeting": {"421 4.3.2 busy"}}, []string{"throttled 4.3.2"}, ""},
		{"closed in place of a greeting", map[string][]string{"greeting": {"close"}}, []string{"failed disconnected"}, ""},
		{"not SMTP", map[string][]string{"greeting": {"SSH-2.0-x"}}, []string{"failed bad_reply"}, ""},
		{"EHLO refused", map[string][]string{"EHLO": {"502 5.5.1 no"}}, []string{"rejected credential 5.5.1"}, ""},
		{"sender refused: nobody is suppressed", map[string][]string{"MAIL": {"550 5.1.1 no such sender"}}, []string{"rejected credential 5.1.1"}, "MAIL QUIT"},
		{"step by step without PIPELINING", nil, []string{"accepted", "accepted"}, "EHLO MAIL RCPT DATA dot MAIL RCPT DATA dot"},
		{"forwarded", map[string][]string{"RCPT": {"251 2.1.5 will forward"}}, []string{"accepted"}, ""},
		{"RSET before the mail after a refused one, and only then", map[string][]string{"RCPT": {"550 5.1.1 no", "250 ok"}},
			[]string{"rejected recipient 5.1.1", "accepted", "accepted"}, "MAIL RCPT RSET MAIL RCPT DATA dot MAIL RCPT DATA dot"},
		{"pipelined, the refused mail's DATA is refused as well", map[string][]string{"EHLO": {pipelining}, "RCPT": {"550 5.1.1 no", "250 ok"}, "DATA": {"554 5.5.1 no valid recipients", "354 go"}},
			[]string{"rejected recipient 5.1.1", "accepted"}, "MAIL RCPT DATA RSET MAIL RCPT DATA dot"},
		{"pipelined, and the server takes DATA all the same: a lone dot", map[string][]string{"EHLO": {pipelining}, "RCPT": {"550 5.1.1 no", "250 ok"}, "dot": {"554 5.5.1 no valid recipients", "250 ok"}},
			[]string{"rejected recipient 5.1.1", "accepted"}, "MAIL RCPT DATA dot RSET MAIL RCPT DATA dot"},
		{"pipelined, and closed after the refusal", map[string][]string{"EHLO": {pipelining}, "RCPT": {"550 5.1.1 no"}, "DATA": {"close"}}, []string{"rejected recipient 5.1.1"}, ""},
		{"DATA refused for now", map[string][]string{"DATA": {"451 4.3.0 later"}}, []string{"failed 4.3.0"}, ""},
		{"closed at DATA: surely not sent", map[string][]string{"DATA": {"close"}}, []string{"failed disconnected"}, ""},
		{"closed after the dot: unknown", map[string][]string{"dot": {"close"}}, []string{"unknown lost_answer"}, ""},
		{"no SMTP after the dot: unknown", map[string][]string{"dot": {"what?"}}, []string{"unknown bad_reply"}, ""},
		{"an answer out of place after the dot: unknown", map[string][]string{"dot": {"334 what?"}}, []string{"unknown bad_reply"}, ""},
		{"rate limited after the dot", map[string][]string{"dot": {"421 4.7.28 slow down"}}, []string{"throttled 4.7.28"}, ""},
		{"421 on a session that had been idle: another one", map[string][]string{"MAIL": {"250 ok", "421 4.4.2 timeout", "250 ok"}}, []string{"accepted", "accepted"}, "dot MAIL greeting EHLO MAIL"},
		{"closed while idle: another one", map[string][]string{"MAIL": {"250 ok", "close", "250 ok"}}, []string{"accepted", "accepted"}, "dot MAIL greeting EHLO MAIL"},
		{"RSET refused: another one", map[string][]string{"RCPT": {"550 5.1.1 no", "250 ok"}, "RSET": {"500 no"}}, []string{"rejected recipient 5.1.1", "accepted"}, "greeting EHLO MAIL"},
		{"larger than SIZE: not even begun", map[string][]string{"EHLO": {"250-hi\n250 SIZE 100"}}, []string{"rejected message 5.3.4"}, "EHLO QUIT"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := &script{replies: x.replies}
			c := configFor(t, settingsFor(s.start(t), inTheClear, `"connections": 1`))
			a := &account{cfg: c, pool: newPool(c)}
			for i, want := range x.want {
				if v := deliver(t, a, attemptTo("ana@example.com"))[0]; v.String() != want {
					t.Errorf("mail %d: %s, want %s", i+1, v, want)
				}
			}
			_ = a.Close()
			s.mu.Lock()
			defer s.mu.Unlock()
			if heard := strings.Join(s.heard, " "); !strings.Contains(heard, x.heard) {
				t.Errorf("the server heard %s, want %s", heard, x.heard)
			}
		})
	}
}

// A line that breaks while the mail is written has not carried the final dot,
// even where only its last byte is missing.
func TestLineBreaksInTheMail(t *testing.T) {
	for _, arrives := range []int{0, 10, block + 10, 3*block - 1} {
		client, server := net.Pipe()
		s := &session{cfg: configFor(t, someSettings), line: client, conn: client}
		go func() {
			_, _ = io.CopyN(io.Discard, server, int64(arrives))
			_ = server.Close()
		}()
		err := s.data(t.Context(), make([]byte, 3*block))
		if err == nil || verdictOf(err).String() != "failed disconnected" || !s.dead {
			t.Errorf("after %d bytes: %v", arrives, err)
		}
	}
}

// An address that needs SMTPUTF8 is never given to a server without it.
func TestNoSMTPUTF8(t *testing.T) {
	s := &script{}
	a := open(t, settingsFor(s.start(t), inTheClear))
	if v := deliver(t, a, attemptTo("björn@example.com"))[0]; v.String() != "rejected recipient smtputf8" {
		t.Errorf("%s", v)
	}
}

// Plain text that somebody slips in before the TLS handshake is not read as if
// it had come under TLS.
func TestNothingIsSlippedIntoTLS(t *testing.T) {
	s := &script{replies: map[string][]string{"EHLO": {"250-hi\n250 STARTTLS"}, "STARTTLS": {"220 go\n250 slipped in"}}}
	a := open(t, settingsFor(s.start(t)))
	if v := deliver(t, a, attemptTo("ana@example.com"))[0]; v.String() != "failed tls" {
		t.Errorf("%s", v)
	}
}

func TestAddressLiteral(t *testing.T) {
	for in, want := range map[string]string{"192.0.2.1": "[192.0.2.1]", "2001:db8::1": "[IPv6:2001:db8::1]"} {
		if got := addressLiteral(&net.TCPAddr{IP: net.ParseIP(in), Port: 25, Zone: "eth0"}); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
