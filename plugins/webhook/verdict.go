package webhook

import (
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/carillonhq/carillon/sdk"
)

// judge reads an answer by the table of Standard Webhooks, "Handling
// responses". An endpoint belongs to its recipient, so an answer like 401 says
// nothing about the account, and must not stop it.
func (a *account) judge(res *fasthttp.Response, key string, now time.Time) sdk.Verdict {
	status := res.StatusCode()
	switch after := sdk.RetryAfter(string(res.Header.Peek("Retry-After")), now); {
	case status >= 200 && status < 300:
		return sdk.Accepted(providerID(res, key))
	case status == 408, status == 410, status == 425, status == 429, status < 400, status >= 500:
		return sdk.HTTPVerdict(status, after)
	case a.ends(status):
		return sdk.Rejected(sdk.Message, strconv.Itoa(status))
	default:
		return sdk.Failed(strconv.Itoa(status))
	}
}

// ends says whether a client error is final.
func (a *account) ends(status int) bool {
	if a.settings.ClientErrors != clientErrorsAuto {
		return a.settings.ClientErrors == clientErrorsReject
	}
	switch status {
	case 400, 401, 403, 404, 405, 413, 422:
		return true
	}
	return false
}

func providerID(res *fasthttp.Response, key string) string {
	if id := string(res.Header.Peek("X-Request-Id")); id != "" && printable(id) {
		return id
	}
	return key
}

// printable says whether s is 1 to 128 bytes of visible ASCII.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 128
}

// trouble judges a request without an answer. Once writing has begun the
// receiver may have all of it, whatever broke then.
func trouble(err error, begun bool) sdk.Verdict {
	if errors.Is(err, errRefused) {
		return sdk.Rejected(sdk.Policy, "ssrf_refused")
	}
	code := troubleCode(err, begun)
	if begun {
		return sdk.Unknown(code)
	}
	return sdk.Failed(code)
}

func troubleCode(err error, begun bool) string {
	var dns *net.DNSError
	var timed interface{ Timeout() bool }
	switch {
	case errors.As(err, &dns):
		return "dns"
	case errors.Is(err, fasthttp.ErrNoFreeConns):
		return "no_free_connection"
	case errors.As(err, &timed) && timed.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, io.EOF), errors.Is(err, fasthttp.ErrConnectionClosed):
		return "reset"
	case begun:
		return "bad_answer"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return "connect"
	}
	return "tls"
}
