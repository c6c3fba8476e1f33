package limit

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
)

// smtpClient sends mails on one session, each with two round trips: the envelope
// pipelined (RFC 2920), as the channel has it, and the message.
type smtpClient struct {
	conn net.Conn
	in   *textproto.Reader
	mould
	envelope []byte
}

// dialSMTP takes the mould of a whole mail as it arrived.
func dialSMTP(addr string, m mould) (*smtpClient, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to the simulator: %w", err)
	}
	if bytes.Contains(m.text, []byte("\n.")) {
		return nil, fmt.Errorf("the mail has a line that begins with a dot, which would have to be doubled")
	}
	m.text = append(m.text, ".\r\n"...)
	c := &smtpClient{conn: conn, in: textproto.NewReader(bufio.NewReader(conn)), mould: m}
	if _, _, err := c.in.ReadResponse(220); err != nil {
		return nil, fmt.Errorf("the simulator's greeting: %w", err)
	}
	return c, c.say("EHLO [127.0.0.1]\r\n", 250)
}

func (c *smtpClient) say(lines string, replies ...int) error {
	if _, err := c.conn.Write([]byte(lines)); err != nil {
		return err
	}
	return c.hear(replies...)
}

func (c *smtpClient) hear(replies ...int) error {
	for _, code := range replies {
		if _, _, err := c.in.ReadResponse(code); err != nil {
			return err
		}
	}
	return nil
}

func (c *smtpClient) send(id string) error {
	e := append(c.envelope[:0], "MAIL FROM:<shop@example.com> SIZE="...)
	e = strconv.AppendInt(e, int64(len(c.text)), 10)
	e = append(append(append(e, "\r\nRCPT TO:<"...), id...), "@example.com>\r\nDATA\r\n"...)
	c.envelope = e
	if _, err := c.conn.Write(e); err != nil {
		return fmt.Errorf("send %s: %w", id, err)
	}
	err := c.hear(250, 250, 354)
	if err == nil {
		_, err = c.conn.Write(c.cast(id))
	}
	if err == nil {
		err = c.hear(250)
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", id, err)
	}
	return nil
}
