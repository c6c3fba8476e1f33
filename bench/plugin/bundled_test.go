package plugin_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/carillonhq/carillon/plugins/email/emailsim"
	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
	"github.com/carillonhq/carillon/sdk/conform"
)

// TestBundled examines the bundled channels as a third party's: as processes, each
// with the simulator of its provider. No check fails, and none but what the
// channel has nothing of is left out.
func TestBundled(t *testing.T) {
	for _, c := range []struct {
		channel string
		suite   func(*testing.T) string
		notRun  int
	}{
		{"sink", sinkSuite, 1}, // it has no slow address
		{"webhook", webhookSuite, 0},
		{"email", emailSuite, 0},
	} {
		t.Run(c.channel, func(t *testing.T) {
			s, err := conform.Read([]byte(c.suite(t)), func(string) (string, error) { return secretOf(c.channel), nil })
			if err != nil {
				t.Fatal(err)
			}
			s.Sends = bundledSends
			kit := conform.New(executable(t, "serve", c.channel), s)
			defer kit.Close()
			notRun := 0
			for _, check := range conform.Checks() {
				if check.Name == "memory" && raced {
					continue
				}
				switch r := kit.Run(t.Context(), check); r.Outcome {
				case conform.Failed:
					t.Errorf("%s: expected: %s: %+v", r.Name, r.Expected, r.Findings)
				case conform.NotRun:
					notRun++
					t.Logf("%s: not run: %s", r.Name, r.Why)
				}
			}
			if notRun != c.notRun {
				t.Errorf("%d checks were not run, want %d", notRun, c.notRun)
			}
		})
	}
}

func secretOf(channel string) string {
	if channel == "webhook" {
		return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	}
	return "canary-password"
}

func sinkSuite(*testing.T) string {
	return `
settings: {latency: 1ms}
refused:
  - {settings: {latency: 5}, path: latency}
cases:
  - {name: busy, settings: {throttles: 1, retry_after: 30s}, want: throttled 30s}
  - {name: rejected, settings: {rejects: 1}, want: rejected message sink}
`
}

// webhookSuite has a receiver that answers each path in its way.
func webhookSuite(t *testing.T) string {
	good, busy, slow := receiver(t, webhooksim.Fault{}), receiver(t, webhooksim.Fault{Status: 429, RetryAfter: "30"}), receiver(t, webhooksim.Fault{Delay: 12 * time.Second})
	return fmt.Sprintf(`
settings: {allow_http: true, allow_networks: [127.0.0.0/8], timeout: 30s}
secrets: {signing_key: file:/key}
address: %q
slow: %q
refused:
  - {settings: {timeout: soon}, path: timeout}
cases:
  - {name: busy, address: %q, want: throttled 30s}
  - {name: no URL, address: nowhere, want: rejected recipient}
`, good.URL(), slow.URL(), busy.URL())
}

func receiver(t *testing.T, f webhooksim.Fault) *webhooksim.Server {
	t.Helper()
	s, err := webhooksim.Start("127.0.0.1:0", webhooksim.Options{Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.Fail(f)
	return s
}

func emailSuite(t *testing.T) string {
	sim, err := emailsim.Start("127.0.0.1:0", emailsim.Options{Username: "carillon", Password: secretOf("email"), Slow: 12 * time.Second, Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	host, port, err := net.SplitHostPort(sim.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`
settings:
  host: %s
  port: %s
  tls: {mode: none}
  auth: {username: carillon}
  from: {address: news@shop.example}
secrets: {password: file:/password}
slow: slow@example.com
refused:
  - {settings: {host: 5}, path: host}
cases:
  - {name: busy, address: busy@example.com, want: throttled}
  - {name: bounce, address: bounce@example.com, want: rejected recipient 5.1.1}
`, host, port)
}
