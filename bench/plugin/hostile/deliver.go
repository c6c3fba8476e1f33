package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk/wire"
)

func (c *channel) Configure(_ context.Context, r *channelv1.ConfigureRequest) (*channelv1.ConfigureResponse, error) {
	if c.kind == HangsInConfigure {
		select {}
	}
	res := &channelv1.ConfigureResponse{}
	fault := func(path, message string) {
		res.Faults = append(res.Faults, &channelv1.Fault{Path: path, Message: message})
	}
	settings := map[string]any{}
	if err := json.Unmarshal(r.Settings, &settings); err != nil {
		fault("", "must be a JSON object")
	}
	for name := range settings {
		if name != "host" && c.kind != TakesAnySetting {
			fault(name, "is no setting of this channel")
		}
	}
	for _, p := range r.Secrets {
		if p.Key != "key" {
			fault("secrets."+p.Key, "is no secret of this channel")
		}
		if c.kind == ShowsSecret && strings.HasPrefix(p.Value, "canary") {
			fault("secrets."+p.Key, p.Value+" is wrong")
		}
		if c.kind == PrintsSecret {
			fmt.Fprintln(os.Stderr, "logging in with", p.Value)
		}
	}
	if len(res.Faults) == 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.accounts[r.Account] == nil {
			c.accounts[r.Account] = &account{}
		}
	}
	return res, nil
}

const credits = 64

func (c *channel) Deliver(s grpc.BidiStreamingServer[channelv1.DeliverRequest, channelv1.DeliverResponse]) error {
	req, err := s.Recv()
	if err != nil {
		return err
	}
	c.mu.Lock()
	a := c.accounts[req.Account]
	c.mu.Unlock()
	if a == nil && c.kind != AnyAccount {
		return status.Error(codes.NotFound, "the account is not configured")
	}
	switch c.kind {
	case HeedsNoCancel:
		a.turn.Lock() // never given back where the stream is broken off
	case GrantsNothing:
		<-s.Context().Done()
		return nil
	}
	if err := s.Send(&channelv1.DeliverResponse{Credits: credits}); err != nil {
		return err
	}
	for {
		if req, err = s.Recv(); err != nil {
			break
		}
		if len(req.Attempts) == 0 {
			continue
		}
		if c.kind == HangsInDeliver {
			select {}
		}
		if c.kind == EndsEarly {
			return nil
		}
		if err := s.Send(c.answer(req.Attempts)); err != nil {
			return err
		}
	}
	if c.kind == HeedsNoCancel && s.Context().Err() == nil {
		a.turn.Unlock()
	}
	return nil
}

// answer makes the results of a batch.
func (c *channel) answer(batch []*channelv1.Attempt) *channelv1.DeliverResponse {
	res := &channelv1.DeliverResponse{Credits: uint32(len(batch))}
	for _, a := range batch {
		res.Results = append(res.Results, c.deliver(a))
	}
	first := res.Results[0]
	switch c.kind {
	case Strangers:
		res.Results = append(res.Results, &channelv1.Result{Token: 1 << 40, Verdict: channelv1.Verdict_VERDICT_ACCEPTED})
	case Twice:
		res.Results = append(res.Results, first)
	case Forgets:
		if len(batch) > 1 {
			res.Results = res.Results[:len(batch)-1]
		}
	case HugeAnswer:
		first.ProviderMessageId = strings.Repeat("x", 2*wire.MaxMessage)
	case KeepsCredits:
		res.Credits = 0
	case InventsCredits:
		res.Credits = 1000
	}
	return res
}

// deliver makes one attempt, at a provider that knows "slow" and "busy".
func (c *channel) deliver(a *channelv1.Attempt) *channelv1.Result {
	r := &channelv1.Result{Token: a.Token, Verdict: channelv1.Verdict_VERDICT_ACCEPTED, ProviderMessageId: "1"}
	to, _, _ := strings.Cut(a.Address.GetValue(), "@")
	switch {
	case to == "busy":
		r.Verdict, r.RetryAfterMs = channelv1.Verdict_VERDICT_THROTTLED, 30_000
		if c.kind == WaitsItself {
			time.Sleep(2200 * time.Millisecond)
		}
		return r
	case to == "slow" && c.kind == HeedsNoDeadline:
		time.Sleep(10 * time.Second)
	case to == "slow":
		time.Sleep(time.Until(time.UnixMilli(a.DeadlineMs)))
		r.Verdict = channelv1.Verdict_VERDICT_UNKNOWN
	case a.DeadlineMs != 0 && a.DeadlineMs < time.Now().UnixMilli() && c.kind != SendsLate:
		r.Verdict, r.Code = channelv1.Verdict_VERDICT_FAILED, "deadline"
	}
	switch c.kind {
	case RoundsTokens:
		r.Token = uint64(float64(a.Token)) // as JavaScript does
	case CrashesOnNUL:
		if strings.Contains(a.Content.GetTitle(), "\x00") {
			os.Exit(2)
		}
	case Leaks:
		c.mu.Lock()
		c.leaked = append(c.leaked, []byte(strings.Repeat("x", 8192)))
		c.mu.Unlock()
	}
	return r
}
