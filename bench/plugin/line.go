package plugin

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/conform"
)

// batchSize is that of a lane's requests where the plugin takes so many.
const batchSize = 128

// line is one stream that is kept as full as its credits let it be.
type line struct {
	stream grpc.BidiStreamingClient[channelv1.DeliverRequest, channelv1.DeliverResponse]
	cancel context.CancelFunc
	ring   []*channelv1.DeliverRequest
	turn   int

	token   uint64
	credits int
	open    map[uint64]bool
}

func newLine(ctx context.Context, p *Running, suite conform.Suite) (*line, error) {
	about, err := p.Describe(ctx, &channelv1.DescribeRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask the plugin what it is: %w", err)
	}
	size := batchSize
	if about.MaxBatch > 0 {
		size = min(size, int(about.MaxBatch))
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := p.Deliver(ctx)
	if err == nil {
		err = stream.Send(&channelv1.DeliverRequest{Account: "a"})
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open a stream: %w", err)
	}
	return &line{stream: stream, cancel: cancel, ring: attemptsOf(suite, about, size), open: map[uint64]bool{}}, nil
}

// pump sends n attempts, and returns when each has been accepted or delivered.
func (l *line) pump(n int) error {
	for sent := 0; sent < n || len(l.open) > 0; {
		req := l.ring[l.turn%len(l.ring)]
		if size := min(len(req.Attempts), n-sent, l.credits); size > 0 && (size == len(req.Attempts) || size == n-sent || len(l.open) == 0) {
			l.turn++
			sent += size
			if err := l.send(req.Attempts[:size]); err != nil {
				return err
			}
			continue
		}
		if err := l.receive(); err != nil {
			return err
		}
	}
	return nil
}

func (l *line) send(batch []*channelv1.Attempt) error {
	for _, a := range batch {
		l.token++
		a.Token = l.token
		l.open[a.Token] = true
	}
	l.credits -= len(batch)
	if err := l.stream.Send(&channelv1.DeliverRequest{Attempts: batch}); err != nil {
		_, err = l.stream.Recv() // of a broken stream, only Recv says why
		return fmt.Errorf("send a batch: %w", err)
	}
	return nil
}

func (l *line) receive() error {
	res, err := l.stream.Recv()
	if err != nil {
		return fmt.Errorf("wait for %d verdicts: %w", len(l.open), err)
	}
	for _, r := range res.Results {
		if !l.open[r.Token] {
			return fmt.Errorf("a verdict on attempt %d, which was never made or has one; see carillon plugin check", r.Token)
		}
		delete(l.open, r.Token)
		if r.Verdict != channelv1.Verdict_VERDICT_ACCEPTED && r.Verdict != channelv1.Verdict_VERDICT_DELIVERED {
			return fmt.Errorf("attempt %d is %q, and all must be accepted or delivered; see carillon plugin check", r.Token, sdk.VerdictOf(r))
		}
	}
	l.credits += int(res.Credits)
	return nil
}
