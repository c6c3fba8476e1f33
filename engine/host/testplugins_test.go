package host

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/wire"
)

// TestMain lets the test binary play the plugin, as the carillon binary does
// for its bundled channels, and the engine that dies.
func TestMain(m *testing.M) {
	args := strings.Join(os.Args[1:], " ")
	if kind, ok := strings.CutPrefix(args, "plugin serve "); ok {
		servePlugin(kind)
		os.Exit(0)
	}
	if kind, ok := strings.CutPrefix(args, "engine "); ok {
		runEngine(kind)
		os.Exit(0)
	}
	if args == "idle" {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		select {}
	}
	goleak.VerifyTestMain(m)
}

// runEngine supervises a plugin and prints its process id.
func runEngine(kind string) {
	p := New(Spec{Name: "t", Args: []string{"plugin", "serve", kind}}, Config{}, zerolog.Nop())
	go func() {
		<-p.Ready()
		fmt.Println(p.State().PID)
	}()
	_ = p.Run(context.Background())
}

func servePlugin(kind string) {
	switch kind {
	case "exits":
		os.Exit(3)
	case "rubbish":
		fmt.Println("hello, my key is hunter22 and I am ana@example.com")
		select {}
	case "silent":
		select {}
	case "version 2":
		fmt.Println("1|2|unix|/nowhere|grpc|QUJD")
		select {}
	case "no certificate":
		l, _ := net.Listen("unix", os.Getenv(plugin.EnvUnixSocketDir)+"/s")
		fmt.Printf("1|1|unix|%s|grpc\n", l.Addr())
		select {}
	case "never accepts":
		l, _ := net.Listen("unix", os.Getenv(plugin.EnvUnixSocketDir)+"/s")
		fmt.Printf("1|1|unix|%s|grpc|%s\n", l.Addr(), strings.Repeat("QUJD", 4))
		select {}
	case "elsewhere":
		fmt.Println("1|1|tcp|192.0.2.1:80|grpc|QUJD")
		select {}
	case "hangs in Describe", "no Describe", "no name", "huge", "no watch":
		serveRaw(&raw{kind: kind})
	default:
		sdk.Serve(func() sdk.Channel { return &testChannel{kind: kind} })
	}
}

// serveRaw serves without the SDK, and so without its watch over the parent,
// its codec and its limits.
func serveRaw(s channelv1.ChannelServer) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: wire.Handshake,
		Plugins:         plugin.PluginSet{wire.Name: rawPlugin{server: s}},
		GRPCServer:      plugin.DefaultGRPCServer,
	})
}

type rawPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	server channelv1.ChannelServer
}

func (p rawPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	channelv1.RegisterChannelServer(s, p.server)
	return nil
}

func (rawPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, io.EOF
}

type raw struct {
	channelv1.UnimplementedChannelServer
	kind string
}

func (r *raw) Describe(ctx context.Context, req *channelv1.DescribeRequest) (*channelv1.DescribeResponse, error) {
	switch r.kind {
	case "hangs in Describe":
		select {}
	case "no name":
		return &channelv1.DescribeResponse{}, nil
	case "huge":
		return &channelv1.DescribeResponse{Name: strings.Repeat("x", wire.MaxMessage+1), AddressKind: "phone"}, nil
	case "no watch":
		return &channelv1.DescribeResponse{Name: "raw", AddressKind: "phone"}, nil
	}
	return r.UnimplementedChannelServer.Describe(ctx, req)
}

// testChannel is served by the SDK. It reports its process id as the provider's
// message id, and more through Limits.
type testChannel struct{ kind string }

func (c *testChannel) Describe() sdk.Description {
	d := sdk.Description{Name: c.kind, Version: "1.2.3", AddressKind: "phone", Secrets: []string{"key"}}
	switch c.kind {
	case "connects": // to a provider that takes 30
		d.MaxConnections = 30
	case "environ":
		d.Limits = os.Environ()
	case "forks":
		child := exec.Command("/proc/self/exe", "idle")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr // it holds the pipes open
		if err := child.Start(); err != nil {
			panic(err)
		}
		d.Limits = []string{strconv.Itoa(child.Process.Pid)}
	}
	return d
}

type testSettings struct {
	Host   string `json:"host"`
	Marker string `json:"marker"`
}

func (c *testChannel) Open(_ context.Context, a sdk.AccountConfig) (sdk.Account, error) {
	switch c.kind {
	case "hangs in Configure":
		select {}
	case "floods":
		go func() {
			for i := 0; ; i++ {
				fmt.Fprintln(os.Stderr, i, strings.Repeat("x", 10_000))
			}
		}()
	case "leaks":
		key := a.Secrets["key"].Reveal()
		fmt.Fprintf(os.Stderr, "login with %q failed for ana@example.com, +351 912 345 678\n", key)
		fmt.Println("on stdout: " + key)
		return nil, fmt.Errorf("provider refuses %s", key)
	}
	var set testSettings
	if err := a.Decode(&set); err != nil {
		return nil, err
	}
	var faults sdk.Faults
	faults.Add(set.Host != "bad", "server.host", "must be a host name")
	faults.Add(set.Host != "bad", "server.port", "must be set")
	if set.Marker != "" {
		_, err := os.Stat(set.Marker)
		faults.Add(err != nil, "marker", "must not exist")
	}
	return &testAccount{kind: c.kind}, faults.Err()
}

type testAccount struct{ kind string }

func (a *testAccount) Deliver(_ context.Context, b *sdk.Batch) {
	for i, at := range b.Attempts {
		switch {
		case a.kind == "panics":
			panic("hostile")
		case a.kind == "crashes" && at.Token == 3:
			os.Exit(2)
		}
		b.Reply(i, sdk.Accepted(strconv.Itoa(os.Getpid())))
	}
}

// Connections is as its engine must not take for granted.
func (*testAccount) Connections() int { return 8 }

func (*testAccount) Close() error { return nil }

// engineProcess starts an intermediate engine and returns its plugin's pid.
func engineProcess(t *testing.T, kind string) (engine *exec.Cmd, pid int) {
	t.Helper()
	engine = exec.Command(testBinary(t), "engine", kind)
	// A killed engine leaves its sockets behind. Not in t.TempDir: the name of
	// a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "carillon")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	engine.Env = append(os.Environ(), "TMPDIR="+dir)
	out, err := engine.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Process.Kill(); _ = engine.Wait() })
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	return engine, pid
}

func testBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// alive says whether the process runs. An orphan may stay a zombie where
// nobody reaps.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// eventually polls until ok or a deadline far beyond what it should take.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
