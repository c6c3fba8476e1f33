package webhook

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// errStale is the error of a pooled connection that its other end has closed.
// Nothing was written to it.
var errStale = errors.New("the pooled connection was closed by its other end")

// conn finds out before a request is written whether the other end has hung up
// since the last one. Written into a closed connection, a request would be lost
// and yet count as one that may have arrived.
type conn struct {
	net.Conn
	raw  syscall.RawConn // nil where the connection has no file descriptor
	used bool
}

func newConn(c net.Conn) *conn {
	wrapped := &conn{Conn: c}
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			wrapped.raw = raw
		}
	}
	return wrapped
}

// SetWriteDeadline is the first thing that fasthttp calls for each request. The
// first request is let through unseen: a TLS server may have sent session
// tickets that nobody has read yet.
func (c *conn) SetWriteDeadline(at time.Time) error {
	if c.used && c.raw != nil && hungUp(c.raw) {
		return errStale
	}
	c.used = true
	return c.Conn.SetWriteDeadline(at)
}
