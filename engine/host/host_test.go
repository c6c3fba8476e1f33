package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
)

// quick is a supervision that does not keep a test waiting.
var quick = Config{MinBackoff: 10 * time.Millisecond, MaxBackoff: 200 * time.Millisecond, DrainTimeout: 20 * time.Second}

func bundled(kind string, accounts ...Account) Spec {
	if len(accounts) == 0 {
		accounts = []Account{{Name: "main"}}
	}
	return Spec{Name: "test", Args: append([]string{"plugin", "serve"}, kind), Accounts: accounts}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// running starts supervision and ends it with the test. What Run returned is
// sent on the channel.
func running(t *testing.T, spec Spec, cfg Config, log zerolog.Logger) (p *Plugin, result chan error, cancel func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p, result = New(spec, cfg, log), make(chan error, 1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		result <- p.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-over })
	return p, result, cancel
}

func up(t *testing.T, spec Spec, cfg Config) *Plugin {
	t.Helper()
	p, result, _ := running(t, spec, cfg, zerolog.Nop())
	select {
	case <-p.Ready():
	case err := <-result:
		t.Fatalf("Run ended: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatalf("not ready: %+v", p.State())
	}
	return p
}

func openStream(t *testing.T, p *Plugin) Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	stream, err := p.Deliver(ctx, "main")
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// roundTrip sends one attempt and returns its result.
func roundTrip(stream Stream, token uint64) (*channelv1.Result, error) {
	err := stream.Send(&channelv1.DeliverRequest{Attempts: []*channelv1.Attempt{{Token: token}}})
	if err != nil {
		return nil, err
	}
	for {
		res, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if len(res.Results) > 0 {
			return res.Results[0], nil
		}
	}
}

func TestStreamRoundTrip(t *testing.T) {
	p := up(t, bundled("echo"), quick)
	about, err := p.Describe(t.Context())
	if err != nil || about.Name != "echo" || about.MaxBatch != 128 || about.DeadlineMs != 30_000 {
		t.Fatalf("Describe = %v, %v", about, err)
	}
	stream := openStream(t, p)
	res, err := roundTrip(stream, 7)
	if err != nil {
		t.Fatal(err)
	}
	st := p.State()
	if res.Token != 7 || res.ProviderMessageId != strconv.Itoa(st.PID) {
		t.Errorf("result = %v, plugin %+v", res, st)
	}
	if !st.Up || st.Version != "1.2.3" || st.Restarts != 0 || st.LastError != "" || st.Path == "" {
		t.Errorf("state = %+v", st)
	}
	if err := p.Health(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := p.Deliver(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), `no account "other"`) {
		t.Errorf("unknown account: %v", err)
	}
}

func TestLargeMessagesPassAndTooLargeOnesDoNot(t *testing.T) {
	p := up(t, bundled("echo"), quick)
	for size, ok := range map[int]bool{20 << 20: true, 33 << 20: false} {
		stream := openStream(t, p)
		_ = stream.Send(&channelv1.DeliverRequest{Attempts: []*channelv1.Attempt{{Token: 1, Data: make([]byte, size)}}})
		var err error
		for results := 0; err == nil && results == 0; {
			var res *channelv1.DeliverResponse
			if res, err = stream.Recv(); err == nil {
				results = len(res.Results)
			}
		}
		if (err == nil) != ok {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestComesBack(t *testing.T) {
	for _, c := range []struct {
		why, kind string
		fault     func(t *testing.T, p *Plugin, pid int)
		lastError string
	}{
		{"killed from outside", "echo", func(_ *testing.T, _ *Plugin, pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }, "ended (signal: killed)"},
		{"stopped: answers nothing, and would not leave when asked", "echo", func(_ *testing.T, _ *Plugin, pid int) { _ = syscall.Kill(pid, syscall.SIGSTOP) }, "did not answer a health check"},
		{"leaves in the middle of a batch", "crashes", func(t *testing.T, p *Plugin, _ int) {
			stream := openStream(t, p)
			if _, err := roundTrip(stream, 3); err == nil {
				t.Error("the stream outlived its process")
			}
		}, "ended (exit status 2)"},
		{"dies while a child of its own holds its pipes open", "forks", func(_ *testing.T, _ *Plugin, pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }, "ended (signal: killed)"},
	} {
		t.Run(c.why, func(t *testing.T) {
			cfg := quick
			cfg.HealthInterval, cfg.HealthTimeout = 50*time.Millisecond, 2*time.Second
			p := up(t, bundled(c.kind), cfg)
			before := p.State()
			stream := openStream(t, p)
			c.fault(t, p, before.PID)
			for err := error(nil); err == nil; {
				_, err = stream.Recv() // breaks by itself
			}
			res, err := roundTrip(openStream(t, p), 1)
			for err != nil && t.Context().Err() == nil { // a stream to the dying process
				res, err = roundTrip(openStream(t, p), 1)
			}
			after := p.State()
			if res.ProviderMessageId != strconv.Itoa(after.PID) || after.PID == before.PID || after.Restarts < 1 || !after.Up {
				t.Errorf("before %+v, after %+v, answered by %s", before, after, res.ProviderMessageId)
			}
			if !strings.Contains(after.LastError, c.lastError) {
				t.Errorf("last error = %q", after.LastError)
			}
			if alive(before.PID) {
				t.Error("the old process is alive")
			}
		})
	}
}

func TestPanicIsUnknown(t *testing.T) {
	p := up(t, bundled("panics"), quick)
	res, err := roundTrip(openStream(t, p), 1)
	if err != nil || res.Verdict != channelv1.Verdict_VERDICT_UNKNOWN || res.Code != "panic" {
		t.Errorf("result = %v, %v", res, err)
	}
	if st := p.State(); st.Restarts != 0 {
		t.Errorf("state = %+v", st)
	}
}

// copyOf makes a plugin file of a program, with the right checksum.
func copyOf(t *testing.T, program string, args ...string) Spec {
	t.Helper()
	body, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "sms")
	if err := os.WriteFile(path, body, 0o700); err != nil {
		t.Fatal(err)
	}
	sum, err := checksum(path)
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Name: "sms", Path: path, SHA256: sum, Args: args, Accounts: []Account{{Name: "main"}}}
}

func TestPathWithChecksum(t *testing.T) {
	spec := copyOf(t, testBinary(t), "plugin", "serve", "echo")
	p := up(t, spec, quick)
	if st := p.State(); st.Path != spec.Path {
		t.Errorf("state = %+v", st)
	}
	if _, err := roundTrip(openStream(t, p), 1); err != nil {
		t.Error(err)
	}
}

func TestFatalAtTheFirstStart(t *testing.T) {
	truth := copyOf(t, "/bin/true")
	altered := func(alter func(*Spec)) Spec {
		s := truth
		alter(&s)
		return s
	}
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{altered(func(s *Spec) { s.SHA256 = strings.Repeat("cd", 32) }),
			`plugin "sms" (` + truth.Path + `): its SHA-256 is ` + truth.SHA256 + `, the configuration says ` + strings.Repeat("cd", 32) + `; check the file, then set channels.sms.plugin.sha256`},
		{altered(func(s *Spec) { s.SHA256 = "" }), "channels.sms.plugin.sha256 must be the SHA-256"},
		{altered(func(s *Spec) { s.Path += "x" }), "no such file"},
		{altered(func(s *Spec) { _ = os.Chmod(s.Path, 0o600) }), "may be executed"},
		{copyOf(t, "/bin/true"), "is no Carillon plugin"},
		{copyOf(t, "/etc/hostname"), "exec format error"},
		{bundled("exits"), "ended before the handshake (exit status 3)"},
		{bundled("rubbish", Account{Name: "main", Secrets: map[string]string{"key": "hunter22"}}),
			`"hello, my key is [redacted] and I am [address]"`},
		{bundled("version 2"), "speaks version 2 of the plugin protocol, this carillon speaks 1"},
		{bundled("no certificate"), "mutual TLS"},
		{bundled("no Describe"), `does not implement the step "Describe"`},
		{bundled("no name"), "without a name"},
		{bundled("echo", Account{Name: "a", Settings: []byte(`{"host":"bad"}`)}, Account{Name: "b", Settings: []byte(`{"hosst":1}`)}),
			`plugin "test" refuses its settings: channels.test.accounts.a.server.host: must be a host name; ` +
				`channels.test.accounts.a.server.port: must be set; channels.test.accounts.b.hosst: is no setting of this channel`},
	} {
		t.Run(strings.Join(c.spec.Args, " "), func(t *testing.T) {
			p, result, _ := running(t, c.spec, quick, zerolog.Nop())
			err := <-result
			var fatal *FatalError
			if !errors.As(err, &fatal) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v\nwant %s", err, c.want)
			}
			if _, err := p.Deliver(t.Context(), c.spec.Accounts[0].Name); !errors.Is(err, ErrStopped) {
				t.Errorf("Deliver = %v", err)
			}
			if _, err := p.Describe(t.Context()); !errors.Is(err, ErrStopped) {
				t.Errorf("Describe = %v", err)
			}
			if p.Health(t.Context()) == nil || p.State().Up {
				t.Error("it looks healthy")
			}
		})
	}
}

func TestKeepsTrying(t *testing.T) {
	for _, c := range []struct{ kind, want string }{
		{"silent", "was not ready within 2s and was killed in this step: start and handshake"},
		{"hangs in Describe", "in this step: Describe"},
		{"hangs in Configure", "in this step: Configure of account main"},
		{"never accepts", "was not ready"},
		{"elsewhere", "not on this machine's loopback"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			cfg := quick
			cfg.StartTimeout = 2 * time.Second
			p, result, cancel := running(t, bundled(c.kind), cfg, zerolog.Nop())
			eventually(t, "a second start", func() bool { return p.State().Restarts >= 1 })
			if st := p.State(); !strings.Contains(st.LastError, c.want) || st.Up {
				t.Errorf("state = %+v", st)
			}
			cancel()
			if err := <-result; err != nil {
				t.Errorf("Run = %v", err)
			}
		})
	}
}

func TestSettingsFaultAtARestart(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	p := up(t, bundled("echo", Account{Name: "main", Settings: fmt.Appendf(nil, `{"marker":%q}`, marker)}), quick)
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(p.State().PID, syscall.SIGKILL)
	eventually(t, "the fault", func() bool {
		return strings.Contains(p.State().LastError, "channels.test.accounts.main.marker: must not exist")
	})
	if err := os.Remove(marker); err != nil {
		t.Fatal(err)
	}
	if _, err := roundTrip(openStream(t, p), 1); err != nil {
		t.Error(err)
	}
}

func TestStopTakesTheGroup(t *testing.T) {
	p, result, cancel := running(t, bundled("forks"), quick, zerolog.Nop())
	about, err := p.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	child, _ := strconv.Atoi(about.Limits[0])
	pid := p.State().PID
	if !alive(child) || !alive(pid) {
		t.Fatalf("child %d or plugin %d is not there", child, pid)
	}
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
	eventually(t, "both are gone", func() bool { return !alive(child) && !alive(pid) })
}

func TestStopDrains(t *testing.T) {
	p, result, cancel := running(t, bundled("echo"), quick, zerolog.Nop())
	stream := openStream(t, p)
	cancel()
	// Told to end, it takes no new stream, and serves the open one to its end.
	eventually(t, "down", func() bool { return !p.State().Up })
	if _, err := roundTrip(stream, 1); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; {
		_, err = stream.Recv()
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	if _, err := p.Deliver(t.Context(), "main"); !errors.Is(err, ErrStopped) {
		t.Errorf("Deliver = %v", err)
	}
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	cfg := quick
	cfg.DrainTimeout = 50 * time.Millisecond
	p, result, cancel := running(t, bundled("echo"), cfg, zerolog.Nop())
	stream := openStream(t, p)
	_ = syscall.Kill(p.State().PID, syscall.SIGSTOP)
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
	for err := error(nil); err == nil; {
		_, err = stream.Recv()
	}
}

func TestLeavesWithItsParent(t *testing.T) {
	for _, kind := range []string{
		"echo",     // the SDK watches the parent
		"no watch", // without it, the death signal does
	} {
		t.Run(kind, func(t *testing.T) {
			engine, pid := engineProcess(t, kind)
			if !alive(pid) {
				t.Fatal("no plugin")
			}
			_ = engine.Process.Kill()
			eventually(t, "the plugin is gone", func() bool { return !alive(pid) })
		})
	}
}

func TestEnvironmentIsNotInherited(t *testing.T) {
	t.Setenv("CARILLON_TEST_SECRET", "x")
	spec := bundled("environ")
	spec.Env = []string{"TZ=UTC", "CARILLON_PLUGIN=overridden"}
	about, err := up(t, spec, quick).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(about.Limits, "TZ=UTC") {
		t.Error("TZ is missing")
	}
	for _, pair := range about.Limits {
		name, _, _ := strings.Cut(pair, "=")
		if name != "TZ" && name != "CARILLON_PLUGIN" && !strings.HasPrefix(name, "PLUGIN_") {
			t.Errorf("inherited %s", name)
		}
	}
}

func TestNoNewPrivileges(t *testing.T) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", up(t, bundled("echo"), quick).State().PID))
	if err != nil || !strings.Contains(string(status), "NoNewPrivs:\t1") {
		t.Errorf("status = %s, %v", status, err)
	}
	own, err := os.ReadFile("/proc/self/status")
	if err != nil || !strings.Contains(string(own), "NoNewPrivs:\t0") {
		t.Errorf("the engine itself: %s, %v", own, err)
	}
}

func TestFloodIsBounded(t *testing.T) {
	var log lockedBuffer
	began := time.Now()
	p, _, cancel := running(t, bundled("floods"), quick, zerolog.New(&log).Level(zerolog.InfoLevel))
	<-p.Ready()
	eventually(t, "suppressed lines", func() bool { return strings.Contains(log.String(), "lines suppressed") })
	if _, err := roundTrip(openStream(t, p), 1); err != nil {
		t.Error(err)
	}
	cancel()
	text := log.String()
	seconds := int(time.Since(began)/time.Second) + 2
	if n := strings.Count(text, "\n"); n > seconds*(linesPerSecond+1)+10 {
		t.Errorf("%d lines in %d s", n, seconds)
	}
	for line := range strings.Lines(text) {
		if len(line) > maxLine+200 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	var log lockedBuffer
	const secret = "hunter2 & \"friends\""
	spec := bundled("leaks", Account{Name: "main", Secrets: map[string]string{"key": secret}})
	p, _, _ := running(t, spec, quick, zerolog.New(&log))
	eventually(t, "the log lines and the error", func() bool {
		return strings.Contains(log.String(), "on stdout") && strings.Contains(log.String(), "login with") && p.State().LastError != ""
	})
	for _, personal := range []string{"hunter2", "friends", "ana@", "912"} {
		if strings.Contains(log.String()+p.State().LastError, personal) {
			t.Errorf("%q shows in %s\n%s", personal, log.String(), p.State().LastError)
		}
	}
	if !strings.Contains(p.State().LastError, "provider refuses [redacted]") {
		t.Errorf("last error = %q", p.State().LastError)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name   string
		spec   Spec
		faults int
		err    string
	}{
		{"good", bundled("echo"), 0, ""},
		{"settings", bundled("echo", Account{Name: "a", Settings: []byte(`{"host":"bad"}`)}), 2, ""},
		{"no plugin", bundled("exits"), 0, "before the handshake"},
	} {
		t.Run(c.name, func(t *testing.T) {
			about, faults, err := Probe(t.Context(), c.spec, zerolog.Nop())
			if len(faults) != c.faults || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("faults %v, err %v", faults, err)
			}
			if err == nil && about.GetName() != "echo" {
				t.Errorf("about = %v", about)
			}
		})
	}
}

func TestWaitsRespectTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := New(bundled("echo"), Config{}, zerolog.Nop()) // never run
	if _, err := p.Deliver(ctx, "main"); !errors.Is(err, context.Canceled) {
		t.Errorf("Deliver = %v", err)
	}
	if _, err := p.Describe(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Describe = %v", err)
	}
}
