package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// copyOf makes a plugin file of a program, with the right checksum.
func copyOf(t *testing.T, program string, args ...string) Spec {
	t.Helper()
	body, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	return pluginFile(t, body, args...)
}

func pluginFile(t *testing.T, body []byte, args ...string) Spec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sms")
	if err := os.WriteFile(path, body, 0o700); err != nil {
		t.Fatal(err)
	}
	sum, err := Checksum(path)
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

type fatalCase struct {
	why  string
	spec Spec
	want string
}

func fatalCases(t *testing.T) []fatalCase {
	t.Helper()
	truth := copyOf(t, "/bin/true")
	altered := func(alter func(*Spec)) Spec {
		s := truth
		alter(&s)
		return s
	}
	return []fatalCase{
		{
			"another file than the operator meant", altered(func(s *Spec) { s.SHA256 = strings.Repeat("cd", 32) }),
			`plugin "sms" (` + truth.Path + `): its SHA-256 is ` + truth.SHA256 + `, the configuration says ` +
				strings.Repeat("cd", 32) + `; check the file, then set channels.sms.plugin.sha256`,
		},
		{"no checksum", altered(func(s *Spec) { s.SHA256 = "" }), "channels.sms.plugin.sha256 must be the SHA-256"},
		{"no file", altered(func(s *Spec) { s.Path += "x" }), "no such file"},
		{"not executable", altered(func(s *Spec) { _ = os.Chmod(s.Path, 0o600) }), "may be executed"},
		{"a program, but no plugin", copyOf(t, "/bin/true"), "is no Carillon plugin"},
		{"no program", pluginFile(t, []byte("name = sms\n")), "exec format error"},
		{"leaves at once", bundled("exits"), "ended before the handshake (exit status 3)"},
		{
			"prints something else, with a secret in it",
			bundled("rubbish", Account{Name: "main", Secrets: map[string]string{"key": "hunter22"}}),
			`"hello, my key is [redacted] and I am [address]"`,
		},
		{"newer than us", bundled("version 2"), "speaks version 2 of the plugin protocol, this carillon speaks 1"},
		{"not encrypted", bundled("no certificate"), "mutual TLS"},
		{"another gRPC service", bundled("no Describe"), `does not implement the step "Describe"`},
		{"nameless", bundled("no name"), "without a name"},
		{
			"settings refused: all faults of all accounts",
			bundled("echo", Account{Name: "a", Settings: []byte(`{"host":"bad"}`)}, Account{Name: "b", Settings: []byte(`{"hosst":1}`)}),
			`plugin "test" refuses its settings: channels.test.accounts.a.server.host: must be a host name; ` +
				`channels.test.accounts.a.server.port: must be set; channels.test.accounts.b.hosst: is no setting of this channel`,
		},
		{
			"more connections than the provider says it takes", ofNodes(4, bundled("connects")),
			"channels.test.accounts.main: 4 nodes (engine.nodes) with 8 connections each are 32, and the provider takes 30: lower the connections in the account's settings to 7",
		},
		{
			"more connections than the operator says it takes", ofNodes(2, bundled("connects", Account{Name: "main", MaxConnections: 15})),
			"with 8 connections each are 16, and the provider takes 15",
		},
	}
}

func ofNodes(n int, s Spec) Spec {
	s.Nodes = n
	return s
}

func TestFatalAtTheFirstStart(t *testing.T) {
	for _, c := range fatalCases(t) {
		t.Run(c.why, func(t *testing.T) {
			p, result, _ := running(t, c.spec, quick, zerolog.Nop())
			err := <-result
			var fatal *FatalError
			if !errors.As(err, &fatal) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v\nwant %s", err, c.want)
			}
			if _, err := p.Deliver(t.Context(), c.spec.Accounts[0].Name, false); !errors.Is(err, ErrStopped) {
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
	t.Parallel()
	for _, c := range []struct{ kind, want string }{
		{"silent", "was not ready within 3s and was killed in this step: start and handshake"},
		{"hangs in Describe", "in this step: Describe"},
		{"hangs in Configure", "in this step: Configure of account main"},
		{"never accepts", "was not ready"},
		{"elsewhere", "not on this machine's loopback"},
		{"huge", "received message larger than max"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel() // they mostly wait
			cfg := quick
			cfg.StartTimeout = 3 * time.Second
			p, result, cancel := running(t, bundled(c.kind), cfg, zerolog.Nop())
			// Not at the first start for sure: a busy machine may be slow.
			eventually(t, c.want, func() bool {
				st := p.State()
				return st.Restarts >= 1 && strings.Contains(st.LastError, c.want)
			})
			if p.State().Up {
				t.Error("it is up")
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
