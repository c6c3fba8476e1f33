package email

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// quitWait bounds the farewell.
const quitWait = 2 * time.Second

// arm gives the next reads and writes d, less where ctx ends before. bind's
// call after the end of ctx may come before or after this one; so look again.
func (s *session) arm(ctx context.Context, d time.Duration) {
	_ = s.line.SetDeadline(time.Now().Add(d))
	if ctx.Err() != nil {
		_ = s.line.SetDeadline(time.Unix(1, 0))
	}
}

// command writes one command and reads its reply, which must be want.
func (s *session) command(ctx context.Context, at step, line string, want int) (reply, error) {
	if err := s.write(ctx, line+"\r\n"); err != nil {
		return reply{}, err
	}
	return s.await(ctx, at, want)
}

func (s *session) write(ctx context.Context, lines string) error {
	s.arm(ctx, time.Duration(s.cfg.Timeouts.Command))
	if _, err := io.WriteString(s.conn, lines); err != nil {
		return s.lost(ctx, err)
	}
	return nil
}

// await reads a reply, which must be want.
func (s *session) await(ctx context.Context, at step, want int) (reply, error) {
	r, err := s.read(ctx, time.Duration(s.cfg.Timeouts.Command))
	if err != nil {
		return r, s.lost(ctx, err)
	}
	if r.code != want {
		return r, s.refused(at, r, 1)
	}
	return r, nil
}

func (s *session) read(ctx context.Context, d time.Duration) (reply, error) {
	s.arm(ctx, d)
	r, err := readReply(s.in)
	if err != nil || r.code == 421 { // the server closes the session (RFC 5321 section 3.8)
		s.dead = true
	}
	return r, err
}

// lost is a fault of the line before the final dot: surely not sent.
func (s *session) lost(ctx context.Context, err error) error {
	s.dead = true
	return failed(lineCode(ctx, err), err)
}

func (s *session) refused(at step, r reply, attempt uint32) error {
	return &stop{verdictFor(at, r, attempt), nil}
}

// lineCode names a fault of the line: deadline (the attempt's), canceled,
// timeout (the server's), bad_reply or disconnected.
func lineCode(ctx context.Context, err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, errBadReply):
		return "bad_reply"
	case errors.As(err, &timeout) && timeout.Timeout():
		return ended(ctx, "timeout")
	default:
		return ended(ctx, "disconnected")
	}
}

// ended returns the code of an ended ctx, else the other one.
func ended(ctx context.Context, otherwise string) string {
	switch ctx.Err() {
	case nil:
		return otherwise
	case context.DeadlineExceeded:
		return "deadline"
	default:
		return "canceled"
	}
}

// quit ends the session, with QUIT where the server still listens.
func (s *session) quit() {
	if !s.dead {
		_ = s.line.SetDeadline(time.Now().Add(quitWait))
		if _, err := io.WriteString(s.conn, "QUIT\r\n"); err == nil {
			_, _ = readReply(s.in)
		}
	}
	_ = s.conn.Close()
}
