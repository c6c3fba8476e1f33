// Package hostile is a plugin that does one thing wrong: what the conformance
// kit must notice, each with its own reason, and what the engine must survive.
// It is written without the SDK, which would not let it.
package hostile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk/wire"
)

// The ways in which the plugin is hostile. Honest is none.
const (
	Honest = "honest"

	// At the start.
	ExitsAtOnce      = "exits-at-once"
	PrintsRubbish    = "prints-rubbish"
	OtherVersion     = "other-version"
	Silent           = "silent"
	StaysByHand      = "stays-by-hand"
	HangsInDescribe  = "hangs-in-describe"
	HangsInConfigure = "hangs-in-configure"
	Changes          = "describes-itself-otherwise"

	// With settings.
	TakesAnySetting = "takes-any-setting"
	ShowsSecret     = "shows-secret"
	PrintsSecret    = "prints-secret"
	AnyAccount      = "delivers-for-any-account"

	// With attempts.
	HangsInDeliver  = "hangs-in-deliver"
	GrantsNothing   = "grants-nothing"
	Strangers       = "answers-strangers"
	Twice           = "answers-twice"
	Forgets         = "forgets-the-last"
	RoundsTokens    = "rounds-tokens"
	HugeAnswer      = "answers-64-mib"
	KeepsCredits    = "keeps-credits"
	InventsCredits  = "invents-credits"
	SendsLate       = "sends-late"
	HeedsNoDeadline = "heeds-no-deadline"
	HeedsNoCancel   = "heeds-no-cancel"
	WaitsItself     = "waits-itself"
	CrashesOnNUL    = "crashes-on-nul"
	SmallMessages   = "takes-4-mib"
	Leaks           = "leaks"
	EndsEarly       = "ends-streams-early"

	// With its process.
	Floods     = "floods"
	Forks      = "forks"
	StaysAlive = "stays-when-asked-to-leave"
	Orphan     = "stays-when-its-parent-dies"
)

// Serve plays the plugin, and does not return but by its end.
func Serve(kind string) {
	switch kind {
	case "child": // of Forks
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		time.Sleep(time.Minute) // a test that fails leaves it behind for no longer
		return
	case ExitsAtOnce:
		os.Exit(3)
	case PrintsRubbish:
		fmt.Println("hello, my key is hunter22 and I am ana@example.com")
		select {}
	case OtherVersion:
		fmt.Println("1|2|unix|/nowhere|grpc|QUJD")
		select {}
	case Silent:
		select {}
	case StaysByHand:
		if os.Getenv(wire.Handshake.MagicCookieKey) == "" {
			select {}
		}
	}
	beside(kind)
	options := []grpc.ServerOption{grpc.MaxRecvMsgSize(wire.MaxMessage)}
	if kind == SmallMessages {
		options = []grpc.ServerOption{grpc.MaxRecvMsgSize(4 << 20)} // gRPC's default
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: wire.Handshake,
		Plugins:         plugin.PluginSet{wire.Name: service{server: &channel{kind: kind, accounts: map[string]*account{}}}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return plugin.DefaultGRPCServer(append(o, options...))
		},
	})
	if kind == StaysAlive {
		select {}
	}
}

// beside starts what the kind does beside serving.
func beside(kind string) {
	switch kind {
	case Floods:
		go func() {
			for i := 0; ; i++ {
				fmt.Fprintln(os.Stderr, i, strings.Repeat("x", 10_000))
			}
		}()
	case Forks:
		child := exec.Command("/proc/self/exe", "hostile", "child")
		child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of who kills the group
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		_ = child.Start()
	case StaysAlive:
		signal.Ignore(syscall.SIGTERM)
	}
	if kind != Orphan {
		parent := os.Getppid()
		go func() {
			for range time.Tick(200 * time.Millisecond) {
				if os.Getppid() != parent {
					os.Exit(0)
				}
			}
		}()
	}
}

type service struct {
	plugin.NetRPCUnsupportedPlugin
	server channelv1.ChannelServer
}

func (p service) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	channelv1.RegisterChannelServer(s, p.server)
	return nil
}

func (service) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("it serves channels")
}

// channel is the plugin's side of the protocol.
type channel struct {
	channelv1.UnimplementedChannelServer
	kind string

	mu       sync.Mutex
	accounts map[string]*account
	asked    int
	leaked   [][]byte
}

// account holds one delivery at a time where its kind heeds no cancel.
type account struct{ turn sync.Mutex }

func (c *channel) Describe(context.Context, *channelv1.DescribeRequest) (*channelv1.DescribeResponse, error) {
	if c.kind == HangsInDescribe {
		select {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	version := "1.0.0"
	if c.kind == Changes {
		version = fmt.Sprintf("1.0.%d", c.asked)
	}
	return &channelv1.DescribeResponse{
		Name: "hostile", Version: version, AddressKind: "email", Content: []string{"title", "body"}, MaxBatch: 16,
		Secrets:        []string{"key"},
		SettingsSchema: `{"type": "object", "properties": {"host": {"type": "string"}}, "additionalProperties": false}`,
	}, nil
}
