// Package host starts channel plugins as child processes, keeps them running
// and hands out their streams.
//
// A Plugin is one supervised process. Run starts it, configures all its
// accounts, watches it and starts it again with backoff when it dies or hangs.
// Lanes call Deliver for a stream and need not know which process serves it: a
// stream breaks with its process, and what was open on it is unknown.
//
// Non-obvious:
//   - go-plugin's client and checksum cannot be used twice: each start makes
//     them anew.
//   - go-plugin takes a process for alive until its stdout and stderr are
//     closed, which a grandchild can hold open, so the process is started and
//     awaited here (process.go) and go-plugin is given a runner.
//   - AutoMTLS is made here as well, with a curve that all gRPC stacks take
//     (tls.go).
//   - What a plugin writes may hold what it was given: secrets and addresses.
//     It is masked before it is logged or becomes part of an error.
package host

import (
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// Spec says what to run.
type Spec struct {
	// Name is the channel's name in the configuration, for logs and metrics.
	Name string
	// Path is the plugin's executable. Empty is a bundled channel: the binary
	// that is running now.
	Path string
	// Args follow the executable. For a bundled channel: plugin serve KIND.
	Args []string
	// SHA256 is the executable's checksum in hex. A Path needs it; a bundled
	// channel takes it from the running binary.
	SHA256 string
	// Env is all of the environment that the plugin gets ("TZ=UTC"), besides
	// what go-plugin needs. Nothing is inherited.
	Env []string
	// Nodes is how many nodes may run at once, each with a process of its own.
	// 0 stands for 1.
	Nodes int
	// Accounts are configured at each start.
	Accounts []Account
	// Tap is given all that the plugin prints, as it is, besides the log, which is
	// masked and bounded. It is for who examines a plugin, and nil otherwise.
	Tap io.Writer
}

// Account is one account of the channel.
type Account struct {
	Name string
	// Settings is a JSON object that follows the channel's schema.
	Settings []byte
	// Secrets are the resolved values by name. None of them is ever logged.
	Secrets map[string]string
	// MaxConnections is how many connections the provider takes of this account, of
	// all nodes together. 0: as many as the plugin says.
	MaxConnections int
}

// Config holds the times of supervision. A zero value stands for its default.
type Config struct {
	// StartTimeout bounds a start, from the process to the last configured
	// account. Default 15 s.
	StartTimeout time.Duration
	// MinBackoff and MaxBackoff bound the wait before the next start; it
	// doubles with each failure and is drawn at random below that. A plugin
	// that was up for MaxBackoff starts over. Default 500 ms and 30 s.
	MinBackoff, MaxBackoff time.Duration
	// DrainTimeout is how long open streams may go on once Run is told to end.
	// Default 10 s.
	DrainTimeout time.Duration
	// HealthInterval and HealthTimeout rule the health check; a plugin that
	// fails one is killed and started again. Default 5 s and 10 s.
	HealthInterval, HealthTimeout time.Duration
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value     *time.Duration
		otherwise time.Duration
	}{
		{&c.StartTimeout, 15 * time.Second},
		{&c.MinBackoff, 500 * time.Millisecond},
		{&c.MaxBackoff, 30 * time.Second},
		{&c.DrainTimeout, 10 * time.Second},
		{&c.HealthInterval, 5 * time.Second},
		{&c.HealthTimeout, 10 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.otherwise
		}
	}
	return c
}

// State is what is known of a plugin, for readiness and `plugin list`.
type State struct {
	Name string
	// Version is the plugin's own. Empty until it was first described.
	Version string
	Path    string
	// PID is 0 while no process is up.
	PID int
	Up  bool
	// Restarts counts the starts after the first.
	Restarts int
	// LastError is why it last went down or did not start. It holds no secret.
	LastError string
	// Since is when Up last changed.
	Since time.Time
}

// Stream carries batches of attempts to one account and their results back.
type Stream = grpc.BidiStreamingClient[channelv1.DeliverRequest, channelv1.DeliverResponse]

// Fault is one thing wrong in an account's settings.
type Fault struct {
	Account string
	// Path names the setting: "tls.mode". Empty is the settings as a whole.
	Path    string
	Message string
}

// String shows the fault with its place in the configuration of the channel.
func (f Fault) String() string {
	path := "accounts." + f.Account
	if f.Path != "" {
		path += "." + f.Path
	}
	return path + ": " + f.Message
}

// FatalError is what no restart can mend: a wrong checksum, a program that is
// no plugin, another protocol version, settings that the plugin refuses.
type FatalError struct {
	// Name is Spec.Name.
	Name string
	// Faults is all that is wrong in the settings. Empty for other causes.
	Faults []Fault
	// Problem says what is wrong and what to do.
	Problem string
}

func (e *FatalError) Error() string {
	if len(e.Faults) == 0 {
		return e.Problem
	}
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = "channels." + e.Name + "." + f.String()
	}
	return fmt.Sprintf("%s: %s", e.Problem, strings.Join(lines, "; "))
}
