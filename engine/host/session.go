package host

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk/wire"
)

// shutdownGrace is how long a plugin may take to leave when it is asked to.
// go-plugin's own 2 s begin only when the plugin has answered the request.
const shutdownGrace = 3 * time.Second

// session is one life of a plugin process and the connection to it.
type session struct {
	spec   Spec
	log    zerolog.Logger
	mask   *mask
	dir    string // of its sockets
	out    *output
	synced [2]*lines // what it writes once it serves: stdout, stderr
	proc   *process
	client *plugin.Client

	conn    atomic.Pointer[grpc.ClientConn] // set by the first call on it
	channel channelv1.ChannelClient
	about   *channelv1.DescribeResponse // nil until described
	step    string                      // of the start, for errors
	streams sync.WaitGroup              // open Deliver streams
}

// start makes one plugin ready: process, handshake, health, Describe and
// Configure of every account, all within limit. On an error the session is
// stopped, and of use only for what it had learnt by then.
func start(ctx context.Context, spec Spec, limit time.Duration, log zerolog.Logger) (*session, error) {
	s := &session{spec: spec, log: log, mask: newMask(spec.Accounts)}
	if err := s.prepare(); err != nil {
		return s, err
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// go-plugin's start takes no context. It gives up when the process dies.
	release := context.AfterFunc(within, s.proc.kill)
	err := s.open(within)
	alive := release()
	if err == nil && alive {
		return s, nil
	}
	late := !alive || within.Err() != nil || errors.Is(err, errLate)
	if s.about == nil {
		s.proc.kill() // nothing to lose, and it may not even hear the question
	}
	s.stop()
	switch {
	case ctx.Err() != nil:
		return s, ctx.Err()
	case late:
		return s, spec.errorf("was not ready within %s and was killed in this step: %s", limit, s.step)
	}
	return s, err
}

// prepare checks the executable and makes all that a start needs anew.
func (s *session) prepare() error {
	exe, err := s.spec.executable()
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "carillon-plugin-"); err != nil {
		return s.spec.errorf("make a directory for its sockets: %w", err)
	}
	trust, certificate, err := mutualTLS()
	if err != nil {
		return errors.Join(s.spec.errorf("prepare mutual TLS: %w", err), os.Remove(s.dir))
	}
	s.out = newOutput(s.log, s.mask)
	s.out.tap = s.spec.Tap
	s.synced = [2]*lines{s.out.stream(zerolog.InfoLevel, "stdout"), s.out.stream(zerolog.InfoLevel, "stderr")}
	s.proc = newProcess(&exec.Cmd{Path: exe.file, Args: append([]string{exe.path}, s.spec.Args...)}, s.out)
	s.client = plugin.NewClient(s.clientConfig(trust, certificate))
	return nil
}

func (s *session) clientConfig(trust *tls.Config, certificate string) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  wire.Handshake,
		Plugins:          plugin.PluginSet{wire.Name: connPlugin{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:        trust,
		SkipHostEnv:      true,
		StartTimeout:     time.Hour, // start bounds it, and all the rest with it
		SyncStdout:       s.synced[0],
		SyncStderr:       s.synced[1],
		Logger:           hclogger(s.log, s.mask),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: s.dir},
		GRPCDialOptions:  s.dialOptions(),
		RunnerFunc: func(_ hclog.Logger, template *exec.Cmd, _ string) (runner.Runner, error) {
			// The plugin's own settings come first: of two, the last counts.
			s.proc.cmd.Env = slices.Concat(s.spec.Env, template.Env, []string{clientCertEnv + "=" + certificate})
			return s.proc, nil
		},
	}
}

// dialOptions come after go-plugin's own, which allow messages of 2 GiB.
func (s *session) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.Codec),
			grpc.MaxCallRecvMsgSize(wire.MaxMessage),
			grpc.MaxCallSendMsgSize(wire.MaxMessage),
		),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: 5 * time.Second}),
		grpc.WithDisableRetry(),
		grpc.WithChainStreamInterceptor(s.intercept),
	}
}

// intercept keeps the connection, which go-plugin forgets (and never closes)
// where its own first streams fail, and refuses go-plugin's broker: nothing
// here uses it, and for each message of a plugin it would start a goroutine.
func (s *session) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
	open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	s.conn.Store(cc)
	if method == "/plugin.GRPCBroker/StartStream" {
		return nil, status.Error(codes.Unimplemented, "no broker")
	}
	return open(ctx, desc, cc, method, opts...)
}

// connPlugin dispenses the bare connection.
type connPlugin struct{ plugin.NetRPCUnsupportedPlugin }

func (connPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the engine is the client")
}

func (connPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, cc *grpc.ClientConn) (any, error) {
	return cc, nil
}

func (s *session) open(ctx context.Context) error {
	s.step = "start and handshake"
	if _, err := s.client.Start(); err != nil {
		return s.whyNoHandshake(err)
	}
	if line, _ := s.proc.firstLine(); refuseHandshake(line, s.mask.clean) != "" {
		return s.spec.fatalf("%s", refuseHandshake(line, s.mask.clean))
	}
	s.step = "connect"
	protocol, err := s.client.Client()
	if err != nil {
		return s.failed(err)
	}
	conn, err := protocol.Dispense(wire.Name)
	if err != nil {
		return s.failed(err)
	}
	s.channel = channelv1.NewChannelClient(conn.(*grpc.ClientConn))
	s.step = "health check"
	if err := s.health(ctx); err != nil {
		return s.failed(err)
	}
	if err := s.describe(ctx); err != nil {
		return err
	}
	return s.configure(ctx)
}

func (s *session) health(ctx context.Context) error {
	res, err := healthpb.NewHealthClient(s.conn.Load()).Check(ctx, &healthpb.HealthCheckRequest{Service: plugin.GRPCServiceName})
	if err != nil {
		return err
	}
	if res.Status != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("it says %s", res.Status)
	}
	return nil
}

func (s *session) describe(ctx context.Context) error {
	s.step = "Describe"
	about, err := s.channel.Describe(ctx, &channelv1.DescribeRequest{})
	if err != nil {
		return s.failed(err)
	}
	if about.Name == "" || about.AddressKind == "" {
		return s.spec.fatalf("describes itself without a name or an address kind; report it to the plugin's author")
	}
	// The protocol gives zero a meaning; nobody else need know.
	about.MaxBatch = cmp.Or(about.MaxBatch, 128)
	about.DeadlineMs = cmp.Or(about.DeadlineMs, 30_000)
	s.about = about
	return nil
}

// configure opens every account and gathers the faults of all.
func (s *session) configure(ctx context.Context) error {
	var faults []Fault
	for _, a := range s.spec.Accounts {
		s.step = "Configure of account " + a.Name
		req := &channelv1.ConfigureRequest{Account: a.Name, Settings: a.Settings}
		for _, name := range slices.Sorted(maps.Keys(a.Secrets)) {
			req.Secrets = append(req.Secrets, &carillonv1.Pair{Key: name, Value: a.Secrets[name]})
		}
		res, err := s.channel.Configure(ctx, req)
		if err != nil {
			return s.failed(err)
		}
		if problem := s.overbooked(a, res); problem != "" {
			faults = append(faults, Fault{Account: a.Name, Message: problem})
		}
		for _, f := range res.Faults {
			faults = append(faults, Fault{Account: a.Name, Path: s.mask.clean(f.Path), Message: s.mask.clean(f.Message)})
		}
	}
	if len(faults) > 0 {
		return &FatalError{Name: s.spec.Name, Faults: faults, Problem: s.spec.label() + " refuses its settings"}
	}
	return nil
}

// overbooked says where all nodes together could open more connections to the
// provider than it takes.
func (s *session) overbooked(a Account, res *channelv1.ConfigureResponse) string {
	most := uint64(s.about.MaxConnections)
	if own := uint64(a.MaxConnections); own > 0 && (most == 0 || own < most) {
		most = own
	}
	nodes := uint64(max(1, s.spec.Nodes))
	all := nodes * uint64(res.Connections)
	if most == 0 || all <= most {
		return ""
	}
	return fmt.Sprintf("%d nodes (engine.nodes) with %d connections each are %d, and the provider takes %d: lower the connections in the account's settings to %d, or the nodes",
		nodes, res.Connections, all, most, most/nodes)
}

// stop ends the process, its group and all that belonged to the session. It
// asks first and takes at most shutdownGrace and terminateGrace.
func (s *session) stop() {
	if s.client == nil {
		return
	}
	ended := make(chan struct{})
	go func() {
		s.client.Kill()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(shutdownGrace):
		_ = s.proc.Kill(context.Background())
		<-ended
	}
	if conn := s.conn.Load(); conn != nil {
		_ = conn.Close()
	}
	for _, w := range s.synced {
		w.flush()
	}
	s.out.end()
	_ = os.RemoveAll(s.dir)
}
