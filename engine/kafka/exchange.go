package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// exchange is a request of a kind or version that kafka-go does not speak, or
// decodes wrongly, and its answer. kmsg knows the format. The version has to be
// one with tagged fields in the header (KIP-482).
type exchange struct {
	kmsg.Request
	ctx      context.Context // gives up the connection too, which a held-back answer would keep
	broker   int32
	clientID string
	res      kmsg.Response
}

// askFor sends a request of kmsg to a broker and returns its answer. wait is how
// long the broker may hold it back on purpose.
func askFor[R kmsg.Response](ctx context.Context, c *Client, broker int32, req kmsg.Request, wait time.Duration) (R, error) {
	m, err := c.ask(ctx, broker, &exchange{Request: req, ctx: ctx, broker: broker, clientID: c.cfg.ClientID}, wait)
	if err != nil {
		var none R
		return none, err
	}
	return m.(*exchange).res.(R), nil
}

func (e *exchange) ApiKey() protocol.ApiKey { return protocol.ApiKey(e.Key()) } //nolint:staticcheck // the name is kafka-go's

func (e *exchange) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: e.broker}, nil
}

// Required implements protocol.RawExchanger. The versions are those that
// kafka-go would take, so the broker's own bound is found by trying.
func (*exchange) Required(map[protocol.ApiKey]int16) bool { return true }

// maxAnswer bounds an answer: the largest is about topics with all their
// partitions.
const maxAnswer = 64 << 20

func (e *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	stop := e.giveUp(rw)
	b, err := e.roundTrip(rw)
	if !stop() && err == nil {
		err = e.ctx.Err() // the connection may be cut while somebody else has it
	}
	if err != nil {
		return nil, err
	}
	if b[4] != 0 { // the correlation id, then the header's tagged fields: none
		return nil, errors.New("the broker's answer has a header that is not known here")
	}
	e.res = e.ResponseKind()
	if err := e.res.ReadFrom(b[5:]); err != nil {
		return nil, fmt.Errorf("the broker's answer to %s: %w", kmsg.NameForKey(e.Key()), err)
	}
	return e, nil
}

// giveUp ends the exchange with its context. kafka-go would wait on for the
// answer, until the request's deadline.
func (e *exchange) giveUp(rw io.ReadWriter) (stop func() bool) {
	conn, ok := rw.(interface{ SetDeadline(time.Time) error })
	if !ok {
		return func() bool { return true }
	}
	return context.AfterFunc(e.ctx, func() { _ = conn.SetDeadline(time.Now()) })
}

func (e *exchange) roundTrip(rw io.ReadWriter) ([]byte, error) {
	request := kmsg.NewRequestFormatter(kmsg.FormatterClientID(e.clientID)).AppendRequest(nil, e.Request, 1)
	if _, err := rw.Write(request); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 5 || n > maxAnswer {
		return nil, fmt.Errorf("the broker announces an answer of %d bytes", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(rw, b)
	return b, err
}
