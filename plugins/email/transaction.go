package email

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// block is how much is written under one data timeout.
const block = 64 << 10

// send makes one mail transaction: MAIL, RCPT, DATA, the message, the final
// dot. It returns the server's answer to the dot. begun tells whether the
// message was asked for, and thus no other session may be tried.
func (s *session) send(ctx context.Context, m *message) (answer reply, begun bool, err error) {
	if m.utf8 && !s.ext.utf8 {
		return reply{}, false, rejected(sdk.Recipient, "smtputf8")
	}
	if s.ext.size > 0 && m.size > s.ext.size {
		return reply{}, false, rejected(sdk.Message, "5.3.4")
	}
	if m.late() {
		return reply{}, false, failed("deadline", nil)
	}
	defer s.bind(ctx)()
	if err := s.envelope(ctx, m); err != nil {
		return reply{}, false, err
	}
	if m.late() {
		s.dead = true // there is no way back from DATA
		return reply{}, true, failed("deadline", nil)
	}
	s.sent++
	if err := s.data(ctx, m.wire); err != nil {
		return reply{}, true, err
	}
	answer, err = s.answer(ctx, m)
	return answer, true, err
}

func (m *message) late() bool { return !m.latest.IsZero() && time.Now().After(m.latest) }

type command struct {
	at   step
	line string
	want int
}

func (s *session) commands(m *message) []command {
	mail := "MAIL FROM:<" + m.from + ">"
	if s.ext.size > 0 {
		mail += " SIZE=" + strconv.Itoa(m.size)
	}
	if m.utf8 {
		mail += " SMTPUTF8"
	}
	all := []command{
		{stepReset, "RSET", 250},
		{stepMail, mail, 250},
		{stepRcpt, "RCPT TO:<" + m.to + ">", 250},
		{stepData, "DATA", 354},
	}
	if !s.nested {
		return all[1:]
	}
	return all
}

// envelope leaves the server waiting for the message, or returns why not. With
// PIPELINING (RFC 2920) it costs one round trip.
func (s *session) envelope(ctx context.Context, m *message) error {
	commands := s.commands(m)
	if s.ext.pipelining {
		if err := s.write(ctx, together(commands)); err != nil {
			return err
		}
	}
	for i, c := range commands {
		if !s.ext.pipelining {
			if err := s.write(ctx, c.line+"\r\n"); err != nil {
				return err
			}
		}
		r, err := s.read(ctx, time.Duration(s.cfg.Timeouts.Command))
		if err != nil {
			return s.lost(ctx, err)
		}
		if r.code != c.want && !(c.at == stepRcpt && r.code == 251) { // 251: it forwards
			s.nested = true
			s.dead = s.dead || c.at == stepReset
			if s.ext.pipelining {
				s.drain(ctx, len(commands)-i-1)
			}
			return s.refused(c.at, r, m.attempt)
		}
	}
	s.nested = false
	return nil
}

func together(commands []command) string {
	var lines strings.Builder
	for _, c := range commands {
		lines.WriteString(c.line + "\r\n")
	}
	return lines.String()
}

// drain reads the replies to the n commands that went out with a refused one.
// A server that takes DATA all the same wants a lone dot, which sends nothing
// (RFC 2920 section 3.1).
func (s *session) drain(ctx context.Context, n int) {
	for range n {
		if s.dead {
			return
		}
		r, err := s.read(ctx, time.Duration(s.cfg.Timeouts.Command))
		if err != nil || r.code != 354 {
			continue
		}
		if err := s.write(ctx, ".\r\n"); err == nil {
			_, _ = s.read(ctx, time.Duration(s.cfg.Timeouts.Answer))
		}
	}
}

// data writes the message. A write that returns an error has not handed over
// its last byte, thus not the final dot: surely not sent.
func (s *session) data(ctx context.Context, wire []byte) error {
	for len(wire) > 0 {
		n := min(len(wire), block)
		s.arm(ctx, time.Duration(s.cfg.Timeouts.Data))
		if _, err := s.conn.Write(wire[:n]); err != nil {
			return s.lost(ctx, err)
		}
		wire = wire[n:]
	}
	return nil
}

// answer waits for the reply to the final dot. Without a clear one nobody
// knows whether the message was taken (RFC 1047).
func (s *session) answer(ctx context.Context, m *message) (reply, error) {
	r, err := s.read(ctx, time.Duration(s.cfg.Timeouts.Answer))
	if err != nil {
		code := lineCode(ctx, err)
		if code == "disconnected" {
			code = "lost_answer"
		}
		return r, &stop{sdk.Unknown(code), err}
	}
	switch r.code / 100 {
	case 2:
		return r, nil
	case 4, 5:
		return r, s.refused(stepDot, r, m.attempt)
	default:
		s.dead = true
		return r, &stop{sdk.Unknown("bad_reply"), errBadReply}
	}
}
