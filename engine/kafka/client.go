// Package kafka is the thin, fast layer between the engine and a Kafka
// cluster. kafka-go's Transport keeps the connections (pool, TLS, SASL,
// versions); this package decides which broker a request goes to, reads
// fetched record batches without copying them, and writes batches it encoded
// itself, because kafka-go's Reader and Writer cost several times as much, do
// not check CRCs, hand out aborted records and can write a record twice.
//
// Brokers of Kafka 2.8 and later are understood: older ones know no topic ids.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/sasl"
)

const (
	defaultRequestTimeout  = 10 * time.Second
	defaultMaxDecompressed = 32 << 20

	// metadataTTL is how old the Transport's list of brokers may get. Leaders
	// are not taken from it (see layout), so it only has to notice brokers
	// that come, go or move.
	metadataTTL = 5 * time.Second
)

// Config says how to reach a cluster.
type Config struct {
	Brokers  []string       // host:port, any of which is asked first
	ClientID string         // shown in the broker's logs and quotas
	TLS      *tls.Config    // nil: no TLS
	SASL     sasl.Mechanism // nil: no authentication

	// Dial connects to a broker. nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// RequestTimeout bounds every request, connecting included; a Fetch may
	// wait its maxWait on top. 0 means 10 s.
	RequestTimeout time.Duration
	// MaxDecompressed bounds, in bytes, what one compressed batch may grow
	// to when it is read. 0 means 32 MiB.
	MaxDecompressed int
}

// Client talks to one cluster. Its methods may be used by any number of
// goroutines at once; each blocks until it is answered, its context ends or
// the request timeout has passed.
type Client struct {
	cfg       Config
	addr      net.Addr
	transport *kafkago.Transport

	layout     atomic.Pointer[layout] // immutable but for its stale flag; replaced by refresh
	refreshing chan struct{}          // holds a token while a refresh is under way
	groups     coordinators
}

// NewClient makes a client. It does no I/O: the first request connects.
func NewClient(cfg Config) *Client {
	if cfg.RequestTimeout <= 0 {
		cfg.RequestTimeout = defaultRequestTimeout
	}
	if cfg.MaxDecompressed <= 0 {
		cfg.MaxDecompressed = defaultMaxDecompressed
	}
	c := &Client{
		cfg:  cfg,
		addr: kafkago.TCP(cfg.Brokers...),
		transport: &kafkago.Transport{
			Dial:        cfg.Dial,
			ClientID:    cfg.ClientID,
			TLS:         cfg.TLS,
			SASL:        cfg.SASL,
			DialTimeout: cfg.RequestTimeout,
			MetadataTTL: metadataTTL,
		},
		refreshing: make(chan struct{}, 1),
	}
	c.layout.Store(&layout{})
	return c
}

// Close closes the connections that are idle and, once they are answered,
// those in use.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Transport is the pool of connections, for kafka-go's own Client.
func (c *Client) Transport() *kafkago.Transport { return c.transport }

// Addr is the configured list of brokers, for kafka-go's own Client.
func (c *Client) Addr() net.Addr { return c.addr }

// RequestTimeout is how long a request may take.
func (c *Client) RequestTimeout() time.Duration { return c.cfg.RequestTimeout }

// anyBroker sends a request over the control connection: whichever of the
// configured brokers answers.
const anyBroker = -1

// ask sends req to the broker with the given id and returns its answer. wait
// is how long the broker may hold the answer back on purpose.
func (c *Client) ask(ctx context.Context, broker int32, req protocol.Message, wait time.Duration) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout+wait)
	defer cancel()
	if _, raw := req.(protocol.RawExchanger); !raw {
		req = &direct{Message: req, broker: broker, clientID: c.cfg.ClientID}
	}
	res, err := c.transport.RoundTrip(ctx, c.addr, req)
	if errors.Is(err, kafkago.BrokerNotAvailable) { // the pool has not heard of this broker yet
		c.rediscover(ctx)
		res, err = c.transport.RoundTrip(ctx, c.addr, req)
	}
	if err != nil {
		return nil, err
	}
	if a, ok := res.(*answer); ok {
		return a.Message, nil
	}
	return res, nil
}

// retry runs try until it succeeds, fails for good or has been tried five
// times, with 50 ms, 100 ms, … between. It is for requests that may be sent
// twice: a connection that died while idle is noticed only when it is used.
func (c *Client) retry(ctx context.Context, try func() error) error {
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		err := try()
		if err == nil || !Retriable(err) || ctx.Err() != nil || pause > 400*time.Millisecond {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}
