package conform

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// stream is one Deliver call and all that came on it.
type stream struct {
	tally
	call     grpc.BidiStreamingClient[channelv1.DeliverRequest, channelv1.DeliverResponse]
	cancel   context.CancelFunc
	patience time.Duration
	ended    func() string // how the process did
	in       chan reply
	granted  int // credits so far
}

type reply struct {
	*channelv1.DeliverResponse
	err error
}

// stream opens one to an account and waits for its first credits; an urgent one
// need not grant any. The account is configured where it is not.
func (e *exam) stream(account string, urgent bool) (*stream, error) {
	p, err := e.configured(account)
	if err != nil {
		return nil, err
	}
	s, err := e.bare(p, account, urgent)
	if err != nil || urgent {
		return s, err
	}
	first, err := s.receive("its first credits")
	if err != nil {
		s.cancel()
		return nil, err
	}
	if first.Credits == 0 || len(first.Results) > 0 {
		s.cancel()
		return nil, found("grant credits in a message of their own when the stream opens: the engine sends nothing before",
			"the first answer of a stream grants %d credits and has %d results", first.Credits, len(first.Results))
	}
	return s, nil
}

// bare opens a stream and waits for nothing.
func (e *exam) bare(p Plugin, account string, urgent bool) (*stream, error) {
	ctx, cancel := context.WithCancel(e.ctx)
	call, err := p.Deliver(ctx)
	if err == nil {
		err = call.Send(&channelv1.DeliverRequest{Account: account, Urgent: urgent})
	}
	if err != nil && !errors.Is(err, io.EOF) { // at EOF, Recv says why
		cancel()
		return nil, e.callFailed("Deliver", err)
	}
	s := &stream{
		tally: newTally(e.about), call: call, cancel: cancel, patience: e.suite.Patience, ended: p.Ended, in: make(chan reply),
	}
	go func() {
		for {
			res, err := call.Recv()
			select {
			case s.in <- reply{res, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return s, nil
}

// send sends a batch and counts its attempts as open.
func (s *stream) send(batch []*channelv1.Attempt) error {
	s.expect(batch)
	sent := make(chan error, 1)
	go func() { sent <- s.call.Send(&channelv1.DeliverRequest{Attempts: batch}) }()
	select {
	case err := <-sent:
		if err != nil && !errors.Is(err, io.EOF) {
			return s.broke("send a batch", err)
		}
		return nil // at EOF, the next receive says why
	case <-time.After(s.patience):
		s.cancel()
		return found("read the stream while attempts are open", "it did not read a request within %s", s.patience)
	}
}

// next waits for a message; io.EOF is the good end of the stream.
func (s *stream) next(what string) (*channelv1.DeliverResponse, error) {
	timeout := time.NewTimer(s.patience)
	defer timeout.Stop()
	select {
	case r := <-s.in:
		if r.err == nil {
			s.granted += int(r.Credits)
			s.take(r.Results)
		}
		return r.DeliverResponse, r.err
	case <-timeout.C:
		s.cancel()
		return nil, found("answer every attempt, and flush: what is not answered by its deadline counts as unknown",
			"%s did not come within %s", what, s.patience)
	}
}

func (s *stream) receive(what string) (*channelv1.DeliverResponse, error) {
	res, err := s.next(what)
	if err == nil {
		return res, nil
	}
	return nil, s.broke("wait for "+what, err)
}

// answers sends a batch, waits for its results, and says what is wrong with them.
func (s *stream) answers(batch []*channelv1.Attempt) error {
	if err := s.send(batch); err != nil {
		return err
	}
	return s.await()
}

// await waits until nothing is open.
func (s *stream) await() error {
	for len(s.open) > 0 {
		if _, err := s.receive(s.missing()); err != nil {
			return errors.Join(s.wrong(), err)
		}
	}
	return s.wrong()
}

// finish ends the sending side and reads all that still comes: each attempt must
// have its result by then.
func (s *stream) finish() error {
	defer s.cancel()
	if err := s.call.CloseSend(); err != nil {
		return s.broke("end the stream", err)
	}
	for {
		_, err := s.next("the end of the stream")
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(s.wrong(), s.broke("read until the end", err))
		}
	}
	if len(s.open) > 0 {
		return errors.Join(s.wrong(), found("answer all attempts before the stream is ended", "the stream ended, and %s did not come", s.missing()))
	}
	return s.wrong()
}

// broke explains a stream that ended with an error.
func (s *stream) broke(doing string, err error) error {
	return explain(doing, err, s.ended, s.patience)
}

// callFailed explains a call that failed.
func (e *exam) callFailed(call string, err error) error {
	return explain(call, err, e.plugin.Ended, e.suite.Patience)
}

// exitGrace is how long a process may take to end after its connection broke.
const exitGrace = 500 * time.Millisecond

// explain makes a Finding of a call's error, with its own advice for each kind.
func explain(call string, err error, ended func() string, patience time.Duration) error {
	if f := (*Finding)(nil); errors.As(err, &f) {
		return err
	}
	switch code := status.Code(err); {
	case errors.Is(err, io.EOF):
		return found("keep the stream open until the engine ends it", "%s: it ended the stream by itself", call)
	case code == codes.DeadlineExceeded:
		return found("answer every call: the engine kills a plugin that hangs", "%s: no answer within %s", call, patience)
	case code == codes.Unimplemented:
		return found("implement this call of channel.v1.Channel", "%s: it is not implemented", call)
	case code == codes.ResourceExhausted:
		return found("allow messages of 32 MiB each way, and send none that is larger", "%s: %s", call, status.Convert(err).Message())
	case code == codes.Unavailable:
		for end := time.Now().Add(exitGrace); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if how := ended(); how != "" {
				return found("no input may end the process: see what it printed", "%s: the process ended (%s)", call, how)
			}
		}
	}
	return found("answer with faults or verdicts; an error breaks the stream, and all that is open on it is unknown then",
		"%s: it answers with the error %s (%s)", call, status.Code(err), status.Convert(err).Message())
}
