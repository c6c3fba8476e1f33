package sdktest

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/wire"
)

// patience bounds every wait for a channel.
const patience = 20 * time.Second

// peer plays the engine: a client of a channel that is served over a socket.
type peer struct {
	channelv1.ChannelClient
	stop func()
}

func serve(t testing.TB, c sdk.Channel) *peer {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	service := sdk.NewServer(c)
	server := grpc.NewServer(sdk.ServerOptions()...)
	channelv1.RegisterChannelServer(server, service)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("unix:"+listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(wire.Codec)))
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	p := &peer{ChannelClient: channelv1.NewChannelClient(conn)}
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = conn.Close()
		server.Stop()
		if err := service.Close(); err != nil {
			t.Errorf("close the accounts: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
	t.Cleanup(p.stop)
	return p
}

func (p *peer) configure(t testing.TB, account, settings string, secrets map[string]string) []*channelv1.Fault {
	t.Helper()
	res, err := p.Configure(soon(t), configureRequest(account, settings, secrets))
	if err != nil {
		t.Fatalf("configure %s: %v", account, err)
	}
	return res.Faults
}

func configureRequest(account, settings string, secrets map[string]string) *channelv1.ConfigureRequest {
	req := &channelv1.ConfigureRequest{Account: account, Settings: []byte(settings)}
	for name, value := range secrets {
		req.Secrets = append(req.Secrets, &carillonv1.Pair{Key: name, Value: value})
	}
	return req
}

// open configures an account that must work.
func (p *peer) open(t testing.TB, account, settings string, secrets map[string]string) {
	t.Helper()
	for _, f := range p.configure(t, account, settings, secrets) {
		t.Fatalf("configure %s: %s: %s", account, f.Path, f.Message)
	}
}

// stream is one Deliver call.
type stream struct {
	grpc.BidiStreamingClient[channelv1.DeliverRequest, channelv1.DeliverResponse]
	cancel  context.CancelFunc
	credits int // granted so far
}

// deliver opens a stream and waits for its first credits.
func (p *peer) deliver(t testing.TB, account string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(soon(t))
	call, err := p.Deliver(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{BidiStreamingClient: call, cancel: cancel}
	if err := call.Send(&channelv1.DeliverRequest{Account: account}); err != nil {
		t.Fatal(err)
	}
	first := s.receive(t)
	if first.Credits == 0 || len(first.Results) > 0 {
		t.Fatalf("the first answer grants %d credits and has %d results, want credits alone", first.Credits, len(first.Results))
	}
	return s
}

func (s *stream) send(t testing.TB, batch []*sdk.Attempt) {
	t.Helper()
	if err := s.Send(&channelv1.DeliverRequest{Attempts: batch}); err != nil {
		t.Fatalf("send a batch: %v", err)
	}
}

func (s *stream) receive(t testing.TB) *channelv1.DeliverResponse {
	t.Helper()
	res, err := s.Recv()
	if err != nil {
		t.Fatalf("wait for results: %v", err)
	}
	s.credits += int(res.Credits)
	return res
}

// finish closes the sending side and reads all that still comes.
func (s *stream) finish(t testing.TB) (results []*channelv1.Result) {
	t.Helper()
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for {
		res, err := s.Recv()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatalf("read until the end: %v", err)
			}
			s.cancel()
			return results
		}
		s.credits += int(res.Credits)
		results = append(results, res.Results...)
	}
}

// answers sends a batch and waits for its results.
func (s *stream) answers(t testing.TB, batch []*sdk.Attempt) map[uint64]sdk.Verdict {
	t.Helper()
	s.send(t, batch)
	return s.await(t, batch)
}

// await waits for the results of a batch that was sent.
func (s *stream) await(t testing.TB, batch []*sdk.Attempt) map[uint64]sdk.Verdict {
	t.Helper()
	var results []*channelv1.Result
	for len(results) < len(batch) {
		results = append(results, s.receive(t).Results...)
	}
	return byToken(t, batch, results)
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
