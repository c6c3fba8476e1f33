package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/carillonhq/carillon/engine/host"
	"github.com/carillonhq/carillon/engine/send"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

const (
	// streamBatch is how many sends are in a message to the plugin.
	streamBatch = 128
	// streamRing is how many such messages are made, and used again and again:
	// gRPC has encoded one when Send returns.
	streamRing = 32
)

// pluginStream sends attempts to a sink's process and takes their verdicts: the
// engine's own host, one stream, mutual TLS, the plugin's credits. Nothing is
// read or decoded, nobody waits for Kafka, and the sink keeps no ledger.
func pluginStream(ctx context.Context, t task, c *clock) error {
	ring, err := attempts(t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	plugin := host.New(host.Spec{
		Name: "sink", Args: []string{"plugin", "serve", "sink"},
		Accounts: []host.Account{{Name: "main", Settings: []byte("{}")}},
	}, host.Config{}, zerolog.Nop())
	ended := make(chan error, 1)
	go func() { ended <- plugin.Run(ctx) }()
	err = converse(ctx, plugin, ring, t.Workload.Sends, c)
	cancel()
	return errors.Join(err, <-ended)
}

// converse sends from this goroutine and takes verdicts in another.
func converse(ctx context.Context, plugin *host.Plugin, ring []*channelv1.DeliverRequest, n int, c *clock) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := plugin.Deliver(ctx, "main", false)
	if err != nil {
		return err
	}
	c.begin()
	grants := newCredits()
	verdicts := make(chan error, 1)
	go func() {
		err := takeVerdicts(stream, n, grants)
		grants.end()
		verdicts <- err
	}()
	for sent, turn := 0, 0; sent < n; turn++ {
		req := ring[turn%len(ring)]
		if left := n - sent; left < len(req.Attempts) {
			req = &channelv1.DeliverRequest{Attempts: req.Attempts[:left]}
		}
		if !grants.take(len(req.Attempts)) {
			break // takeVerdicts says why
		}
		for _, a := range req.Attempts {
			a.Token = uint64(sent)
			sent++
		}
		if stream.Send(req) != nil {
			break
		}
	}
	if err = <-verdicts; err == nil {
		c.end(ctx)
	}
	return err
}

// takeVerdicts takes one for each of n tokens.
func takeVerdicts(stream host.Stream, n int, grants *credits) error {
	seen := make([]bool, n)
	for left := n; left > 0; {
		res, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("%d of %d verdicts are missing: %w", left, n, err)
		}
		for _, r := range res.Results {
			switch {
			case r.Token >= uint64(n) || seen[r.Token]:
				return fmt.Errorf("a verdict on attempt %d, which was never made or has one", r.Token)
			case r.Verdict != channelv1.Verdict_VERDICT_ACCEPTED:
				return fmt.Errorf("attempt %d: the sink says %v", r.Token, r.Verdict)
			}
			seen[r.Token] = true
		}
		left -= len(res.Results)
		grants.add(int(res.Credits))
	}
	return nil
}

// credits are what the plugin grants: the reader adds, the sender takes.
type credits struct {
	mu    sync.Mutex
	some  sync.Cond
	left  int
	ended bool
}

func newCredits() *credits {
	c := &credits{}
	c.some.L = &c.mu
	return c
}

func (c *credits) add(n int) {
	c.mu.Lock()
	c.left += n
	c.mu.Unlock()
	c.some.Signal()
}

func (c *credits) end() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.some.Signal()
}

// take waits until so many are granted; it is false if they never will be.
func (c *credits) take(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.left < n && !c.ended {
		c.some.Wait()
	}
	c.left -= n
	return !c.ended
}

// attempts are messages as a lane makes them of the workload's first sends.
func attempts(t task) ([]*channelv1.DeliverRequest, error) {
	ring, sends := make([]*channelv1.DeliverRequest, streamRing), t.Workload.Records("", tag)
	for i := range ring {
		ring[i] = &channelv1.DeliverRequest{}
		for k := range streamBatch {
			a, err := attempt(sends.Record(i*streamBatch+k), "sink", "recipient")
			if err != nil {
				return nil, err
			}
			ring[i].Attempts = append(ring[i].Attempts, a)
		}
	}
	return ring, nil
}

// attempt is as a lane of the channel makes it of a record. kind is of the
// channel's addresses; the recipient has one.
func attempt(rec *kgo.Record, channel, kind string) (*channelv1.Attempt, error) {
	headers := make([]send.Header, len(rec.Headers))
	for i, h := range rec.Headers {
		headers[i] = send.Header(h)
	}
	s, _, err := send.Decode(send.Record{Key: rec.Key, Value: rec.Value, Headers: headers}, send.DefaultLimits())
	if err != nil {
		return nil, err
	}
	address, _ := send.Address(s.To, kind)
	return &channelv1.Attempt{
		Key: send.ProviderKey(send.KeyOf(s.App, s.To.Id, s.Id), channel, "main"), Id: s.Id, App: s.App, Recipient: s.To.Id,
		Address: address, Content: s.Content, Data: s.Data, Class: s.Class, Campaign: s.Campaign,
		CollapseKey: s.CollapseKey, Locale: s.To.Locale, Attempt: 1, DeadlineMs: time.Now().Add(time.Hour).UnixMilli(),
	}, nil
}
