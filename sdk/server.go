package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

const (
	defaultBatch = 128
	defaultOpen  = 1024
)

// Server is the gRPC service of one channel, channelv1.ChannelServer.
type Server struct {
	channelv1.UnimplementedChannelServer
	channel Channel
	about   Description
	spare   spare

	mu       sync.Mutex
	accounts map[string]*openAccount
	replaced sync.WaitGroup // accounts that still end
}

// NewServer returns the gRPC service of a channel. Serve calls it; tests that
// bring their own gRPC server do so too.
func NewServer(c Channel) *Server {
	return &Server{channel: c, about: c.Describe(), spare: make(spare), accounts: map[string]*openAccount{}}
}

// Close waits for the batches that run and closes all accounts. Stop the gRPC
// server first; call it once.
func (s *Server) Close() error {
	s.mu.Lock()
	accounts := s.accounts
	s.accounts = map[string]*openAccount{}
	s.mu.Unlock()
	var faults []error
	for name, acct := range accounts {
		acct.running.Wait()
		if err := acct.Close(); err != nil {
			faults = append(faults, fmt.Errorf("close account %s: %w", name, err))
		}
	}
	s.replaced.Wait()
	close(s.spare)
	return errors.Join(faults...)
}

// openAccount counts the batches that run, so that a replaced account is
// closed only when its last batch has ended.
type openAccount struct {
	Account
	running sync.WaitGroup
}

func (s *Server) Describe(context.Context, *channelv1.DescribeRequest) (*channelv1.DescribeResponse, error) {
	d := s.about
	return &channelv1.DescribeResponse{
		Name: d.Name, Version: d.Version, Content: d.Content, AddressKind: d.AddressKind,
		MaxBatch: uint32(orDefault(d.MaxBatch, defaultBatch)), Idempotent: d.Idempotent,
		IdempotencySeconds: int64(d.Lifetime / time.Second), DeadlineMs: d.Deadline.Milliseconds(),
		SettingsSchema: d.SettingsSchema, Secrets: d.Secrets, Limits: d.Limits,
		UrgentStream: true, MaxPerSecond: d.MaxPerSecond, MaxConnections: uint32(d.MaxConnections),
	}, nil
}

func (s *Server) Configure(ctx context.Context, r *channelv1.ConfigureRequest) (*channelv1.ConfigureResponse, error) {
	secrets := make(map[string]Secret, len(r.Secrets))
	for _, p := range r.Secrets {
		secrets[p.Key] = NewSecret(p.Value)
	}
	if faults := s.unknownSecrets(secrets); len(faults) > 0 {
		return &channelv1.ConfigureResponse{Faults: faults}, nil
	}
	acct, err := s.channel.Open(ctx, AccountConfig{Name: r.Account, Settings: r.Settings, Secrets: secrets})
	var faults Faults
	if errors.As(err, &faults) {
		res := &channelv1.ConfigureResponse{}
		for _, f := range faults {
			res.Faults = append(res.Faults, &channelv1.Fault{Path: f.Path, Message: f.Problem})
		}
		return res, nil
	}
	if err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "open account %s: %v", r.Account, err)
	}
	s.replace(r.Account, &openAccount{Account: acct})
	res := &channelv1.ConfigureResponse{}
	if c, ok := acct.(Connected); ok {
		res.Connections = uint32(c.Connections())
	}
	return res, nil
}

// unknownSecrets are the secrets that the channel does not describe. The
// account is not opened with one: a misspelt name would leave the right one
// unset, and Open could complain of nothing but that.
func (s *Server) unknownSecrets(secrets map[string]Secret) (faults []*channelv1.Fault) {
	known := "the channel has none"
	if len(s.about.Secrets) > 0 {
		known = "known are " + strings.Join(s.about.Secrets, ", ")
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if !slices.Contains(s.about.Secrets, name) {
			faults = append(faults, &channelv1.Fault{Path: "secrets." + name, Message: "unknown secret; " + known})
		}
	}
	return faults
}

func (s *Server) replace(name string, acct *openAccount) {
	s.mu.Lock()
	old := s.accounts[name]
	s.accounts[name] = acct
	s.mu.Unlock()
	if old != nil {
		s.replaced.Go(func() {
			old.running.Wait()
			if err := old.Close(); err != nil {
				fmt.Fprintf(os.Stderr, "close the former account %s: %v\n", name, err)
			}
		})
	}
}

// acquire looks the account up for each batch anew, so that a stream goes on
// with the new settings after a Configure.
func (s *Server) acquire(name string) (*openAccount, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	acct, ok := s.accounts[name]
	if ok {
		acct.running.Add(1)
	}
	return acct, ok
}

func (s *Server) Deliver(stream grpc.BidiStreamingServer[channelv1.DeliverRequest, channelv1.DeliverResponse]) error {
	req, err := stream.Recv()
	if err != nil {
		return err
	}
	name := req.Account
	acct, ok := s.acquire(name)
	if !ok {
		return status.Errorf(codes.NotFound, "account %q is not configured", name)
	}
	acct.running.Done()

	open := orDefault(s.about.MaxOpen, defaultOpen)
	credits := open
	if req.Urgent {
		credits = 0 // they are those of the stream beside it
	}
	out := newReplies(stream, credits, open)
	var batches sync.WaitGroup
	for err == nil {
		if len(req.Attempts) > 0 {
			batch := req.Attempts
			out.expect(len(batch))
			batches.Go(func() { s.deliver(stream.Context(), name, batch, out) })
		}
		req, err = stream.Recv()
	}
	batches.Wait()
	out.close()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// deliver runs one batch. Whatever the channel does, panics included, every
// attempt gets exactly one result. Attempts that are already too late never
// reach the channel: the engine has counted them as unknown, so a message that
// went out now could go out twice.
func (s *Server) deliver(ctx context.Context, name string, attempts []*Attempt, out *replies) {
	now := time.Now().UnixMilli()
	inTime := attempts[:0]
	for _, a := range attempts {
		if a.DeadlineMs != 0 && a.DeadlineMs <= now {
			out.add(Failed("deadline").result(&channelv1.Result{Token: a.Token}))
			continue
		}
		inTime = append(inTime, a)
	}
	attempts = inTime
	b := newAnswering(attempts, out)
	b.spare = s.spare
	defer func() {
		code := "unanswered"
		if p := recover(); p != nil {
			code = "panic"
			logPanic(p)
		}
		for i := range attempts {
			b.Reply(i, Unknown(code))
		}
	}()
	if len(attempts) == 0 {
		return
	}
	acct, ok := s.acquire(name)
	if !ok {
		return
	}
	defer acct.running.Done()
	ctx, cancel := withDeadline(ctx, lastDeadline(attempts))
	defer cancel()
	acct.Deliver(ctx, b)
}

// newAnswering makes a batch whose first reply to each attempt goes out.
func newAnswering(attempts []*Attempt, out *replies) *Batch {
	answered := make([]atomic.Bool, len(attempts))
	results := make([]channelv1.Result, len(attempts)) // one allocation for all
	return NewBatch(attempts, func(i int, v Verdict) {
		if !answered[i].Swap(true) {
			results[i].Token = attempts[i].Token
			out.add(v.result(&results[i]))
		}
	})
}

// lastDeadline is when nobody waits for any attempt any more; 0 is never.
func lastDeadline(attempts []*Attempt) int64 {
	var last int64
	for _, a := range attempts {
		if a.DeadlineMs == 0 {
			return 0
		}
		last = max(last, a.DeadlineMs)
	}
	return last
}

// withDeadline takes Unix milliseconds; 0 is none.
func withDeadline(ctx context.Context, ms int64) (context.Context, context.CancelFunc) {
	if ms == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, time.UnixMilli(ms))
}

func orDefault(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}
