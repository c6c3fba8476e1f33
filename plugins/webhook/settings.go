package webhook

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// maxTimeout is the longest that the specification would have a sender wait.
const maxTimeout = 30 * time.Second

type settings struct {
	Type                  string            `json:"type"`
	Timeout               sdk.Duration      `json:"timeout"`
	ConnectTimeout        sdk.Duration      `json:"connect_timeout"`
	IdleTimeout           sdk.Duration      `json:"idle_timeout"`
	MaxConnectionsPerHost int               `json:"max_connections_per_host"`
	ClientErrors          string            `json:"client_errors"`
	Headers               map[string]string `json:"headers"`
	UserAgent             string            `json:"user_agent"`
	AllowHTTP             bool              `json:"allow_http"`
	AllowPrivate          bool              `json:"allow_private"`
	AllowNetworks         []string          `json:"allow_networks"`
}

// The choices of client_errors.
const (
	clientErrorsAuto   = "auto"
	clientErrorsRetry  = "retry"
	clientErrorsReject = "reject"
)

func defaults() settings {
	return settings{
		Type:           "message.send",
		Timeout:        sdk.Duration(15 * time.Second),
		ConnectTimeout: sdk.Duration(5 * time.Second),
		// Less than the 5 s after which common servers drop an idle connection.
		IdleTimeout:           sdk.Duration(4 * time.Second),
		MaxConnectionsPerHost: 64,
		ClientErrors:          clientErrorsAuto,
		UserAgent:             "carillon",
	}
}

var (
	// eventType is what Standard Webhooks allows.
	eventType = regexp.MustCompile(`^[A-Za-z0-9_.]{1,128}$`)
	// fieldName is a token (RFC 9110 section 5.6.2).
	fieldName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$")
	// fieldValue is printable ASCII, so neither CR nor LF nor NUL.
	fieldValue = regexp.MustCompile(`^[\x20-\x7e]{0,1000}$`)
)

// reserved are the fields that are ours, or that frame the message.
var reserved = []string{
	"connection", "content-encoding", "content-length", "content-type", "expect", "host", "te", "trailer",
	"transfer-encoding", "upgrade", "user-agent", headerID, headerTimestamp, headerSignature,
}

func (s *settings) check() (guard, sdk.Faults) {
	var f sdk.Faults
	f.Add(eventType.MatchString(s.Type), "type", "must be 1 to 128 letters, digits, underscores and dots")
	between(&f, "timeout", time.Duration(s.Timeout), 100*time.Millisecond, maxTimeout)
	between(&f, "connect_timeout", time.Duration(s.ConnectTimeout), 100*time.Millisecond, time.Duration(s.Timeout))
	between(&f, "idle_timeout", time.Duration(s.IdleTimeout), time.Second, 10*time.Minute)
	f.Add(s.MaxConnectionsPerHost >= 1 && s.MaxConnectionsPerHost <= 4096, "max_connections_per_host", "must be 1 to 4096")
	f.Add(slices.Contains([]string{clientErrorsAuto, clientErrorsRetry, clientErrorsReject}, s.ClientErrors),
		"client_errors", "must be auto, retry or reject")
	f.Add(fieldValue.MatchString(s.UserAgent) && s.UserAgent != "", "user_agent", "must be printable ASCII")
	for name, value := range s.Headers {
		at := "headers." + name
		f.Add(fieldName.MatchString(name), at, "is no name of an HTTP header field")
		f.Add(fieldValue.MatchString(value), at, "its value must be printable ASCII in one line")
		f.Add(!slices.Contains(reserved, strings.ToLower(name)), at, "is set by the channel itself")
	}
	g := guard{allowPrivate: s.AllowPrivate}
	for i, text := range s.AllowNetworks {
		network, err := netip.ParsePrefix(text)
		f.Add(err == nil, fmt.Sprintf("allow_networks.%d", i), `must be a network such as "10.1.0.0/16"`)
		g.allowed = append(g.allowed, network)
	}
	return g, f
}

func between(f *sdk.Faults, path string, d, low, high time.Duration) {
	f.Add(d >= low && d <= high, path, fmt.Sprintf("must be %v to %v", low, high))
}
