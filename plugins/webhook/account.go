package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/carillonhq/carillon/sdk"
)

// maxAnswer bounds what is read of an answer's body, in bytes. Nothing is made
// of it; reading it to its end lets the connection be used again.
const maxAnswer = 64 << 10

type account struct {
	settings settings
	keys     []key
	client   *fasthttp.Client
}

func newAccount(s settings, g guard, keys []key) *account {
	timeout, connect := time.Duration(s.Timeout), time.Duration(s.ConnectTimeout)
	return &account{settings: s, keys: keys, client: &fasthttp.Client{
		DialTimeout: func(addr string, left time.Duration) (net.Conn, error) {
			if left <= 0 { // a connection that several requests wait for
				left = connect
			}
			return g.dial(addr, min(left, connect))
		},
		MaxConnsPerHost:     s.MaxConnectionsPerHost,
		MaxConnWaitTimeout:  timeout,
		MaxIdleConnDuration: time.Duration(s.IdleTimeout),
		ConnPoolStrategy:    fasthttp.LIFO,
		ReadTimeout:         timeout,
		// Bounds the TLS handshake as well, which fasthttp would otherwise put
		// off until the first write.
		WriteTimeout:             timeout,
		MaxResponseBodySize:      maxAnswer,
		StreamResponseBody:       true,
		NoDefaultUserAgentHeader: true,
		DisablePathNormalizing:   true,
		// A request with a body stream is never repeated by fasthttp; this says
		// so once more.
		MaxIdemponentCallAttempts: 1,
	}}
}

func (a *account) Deliver(ctx context.Context, b *sdk.Batch) { sdk.Each(ctx, b, maxBatch, a.deliver) }

func (a *account) Close() error {
	a.client.CloseIdleConnections()
	return nil
}

func (a *account) deliver(ctx context.Context, at *sdk.Attempt) sdk.Verdict {
	now := time.Now()
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	if refused := a.address(req, at.Address.GetValue()); refused != "" {
		return sdk.Rejected(sdk.Recipient, refused)
	}
	if !a.settings.AllowHTTP && string(req.URI().Scheme()) != "https" {
		return sdk.Rejected(sdk.Policy, "https_required")
	}
	if !printable(at.Key) || bytes.IndexByte([]byte(at.Key), '.') >= 0 {
		return sdk.Rejected(sdk.Message, "bad_key")
	}
	body, err := encode(a.settings.Type, at, now)
	if err != nil {
		return sdk.Rejected(sdk.Message, "bad_data")
	}
	a.head(req, at.Key, now, body)
	return a.post(ctx, req, res, body, at.Key)
}

// address parses the recipient's URL. It returns a code where it is none.
func (a *account) address(req *fasthttp.Request, url string) string {
	for i := range len(url) {
		if url[i] <= ' ' || url[i] == 0x7f {
			return "bad_address"
		}
	}
	if err := req.URI().Parse(nil, []byte(url)); err != nil || len(req.URI().Host()) == 0 {
		return "bad_address"
	}
	switch string(req.URI().Scheme()) {
	case "http", "https":
		return ""
	}
	return "bad_address"
}

func (a *account) head(req *fasthttp.Request, key string, now time.Time, body []byte) {
	h := &req.Header
	h.SetMethod(fasthttp.MethodPost)
	h.SetContentType("application/json")
	h.SetUserAgent(a.settings.UserAgent)
	for name, value := range a.settings.Headers {
		h.Set(name, value)
	}
	h.Set(headerID, key)
	h.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(headerSignature, sign(a.keys, key, now, body))
}

// payload is a body that remembers whether writing it has begun. fasthttp reads
// it only once it has a connection and the handshake is done: before, nobody
// can have seen the request.
type payload struct {
	bytes.Reader
	begun bool
}

func (p *payload) Read(b []byte) (int, error) {
	p.begun = true
	return p.Reader.Read(b)
}

func (p *payload) WriteTo(w io.Writer) (int64, error) {
	p.begun = true
	return p.Reader.WriteTo(w)
}

func (a *account) post(ctx context.Context, req *fasthttp.Request, res *fasthttp.Response, body []byte, key string) sdk.Verdict {
	deadline := time.Now().Add(time.Duration(a.settings.Timeout))
	if at, ok := ctx.Deadline(); ok && at.Before(deadline) {
		deadline = at
	}
	for {
		if ctx.Err() != nil || !time.Now().Before(deadline) {
			return sdk.Failed("deadline")
		}
		p := &payload{}
		p.Reset(body)
		req.SetBodyStream(p, len(body))
		req.SetTimeout(time.Until(deadline))
		err := a.client.Do(req, res)
		switch {
		case err == nil:
			v := a.judge(res, key, time.Now())
			drain(res)
			return v
		case errors.Is(err, errStale): // each time one pooled connection less
			continue
		default:
			return trouble(err, p.begun)
		}
	}
}

// drain reads the rest of a short answer. The connection of a long one is
// closed.
func drain(res *fasthttp.Response) {
	if res.BodyStream() == nil {
		return // 204, and 304
	}
	if n, err := io.CopyN(io.Discard, res.BodyStream(), maxAnswer); !errors.Is(err, io.EOF) || n == maxAnswer {
		res.SetConnectionClose()
	}
	_ = res.CloseBodyStream()
}
