package email

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillonhq/carillon/plugins/email/emailsim"
	"github.com/carillonhq/carillon/sdk"
)

func simulator(t *testing.T, opts emailsim.Options) *emailsim.Server {
	t.Helper()
	sim, err := emailsim.Start("127.0.0.1:0", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	return sim
}

// settingsFor are an account's on a server at addr; more holds further members.
func settingsFor(addr string, more ...string) string {
	host, port, _ := net.SplitHostPort(addr)
	members := append([]string{
		fmt.Sprintf(`"host": %q, "port": %s`, host, port), `"from": {"address": "news@shop.example"}`,
	}, more...)
	return "{" + strings.Join(members, ", ") + "}"
}

const inTheClear = `"tls": {"mode": "none"}`

// trusting writes the simulator's certificate where ca_file finds it.
func trusting(t *testing.T, sim *emailsim.Server, mode string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, sim.Certificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`"tls": {"mode": %q, "ca_file": %q}`, mode, file)
}

func open(t *testing.T, settings string, secrets ...string) *account {
	t.Helper()
	c := configFor(t, settings, secrets...)
	a := &account{cfg: c, pool: newPool(c)}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// deliver gives the account a batch and returns the verdicts.
func deliver(t *testing.T, a *account, attempts ...*sdk.Attempt) []sdk.Verdict {
	t.Helper()
	var mu sync.Mutex
	verdicts := make([]sdk.Verdict, len(attempts))
	a.Deliver(t.Context(), sdk.NewBatch(attempts, func(i int, v sdk.Verdict) {
		mu.Lock()
		defer mu.Unlock()
		verdicts[i] = v
	}))
	return verdicts
}

func numbered(n int) []*sdk.Attempt {
	batch := make([]*sdk.Attempt, n)
	for i := range batch {
		batch[i] = attemptTo(fmt.Sprintf("user%d@example.com", i), func(a *sdk.Attempt) { a.Key = fmt.Sprintf("%032x", i) })
	}
	return batch
}

func within(d time.Duration) func(*sdk.Attempt) {
	return func(a *sdk.Attempt) { a.DeadlineMs = time.Now().Add(d).UnixMilli() }
}

// Many mails go over few connections, however many batches run at once.
func TestPool(t *testing.T) {
	sim := simulator(t, emailsim.Options{})
	a := open(t, settingsFor(sim.Addr(), inTheClear, `"connections": 3, "messages_per_connection": 0`))
	var batches sync.WaitGroup
	for range 4 {
		batches.Go(func() {
			for i, v := range deliver(t, a, numbered(50)...) {
				if !strings.HasPrefix(v.ProviderID(), "SIM") {
					t.Errorf("mail %d: %s, id %q", i, v, v.ProviderID())
				}
			}
		})
	}
	batches.Wait()
	if sim.Received() != 200 || sim.Connections() > 3 {
		t.Errorf("%d mails over %d connections, want 200 over 3 at most", sim.Received(), sim.Connections())
	}
}

func TestSessionServesItsTime(t *testing.T) {
	sim := simulator(t, emailsim.Options{})
	a := open(t, settingsFor(sim.Addr(), inTheClear, `"connections": 1, "messages_per_connection": 4`))
	deliver(t, a, numbered(12)...)
	if sim.Received() != 12 || sim.Connections() != 3 {
		t.Errorf("%d mails over %d connections, want 12 over 3", sim.Received(), sim.Connections())
	}
}

// An idle session ends by itself, and the next mail opens another one.
func TestIdleSessionEnds(t *testing.T) {
	sim := simulator(t, emailsim.Options{})
	a := open(t, settingsFor(sim.Addr(), inTheClear, `"timeouts": {"idle": "5ms"}`))
	deliver(t, a, numbered(1)...)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		a.pool.mu.Lock()
		left := len(a.pool.idle)
		a.pool.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the session is still idle after 5 s")
		}
	}
	if v := deliver(t, a, numbered(1)...)[0]; v.ProviderID() == "" || sim.Connections() != 2 {
		t.Errorf("%s over %d connections", v, sim.Connections())
	}
}

// A refused mail leaves the session fit for the next one.
func TestRefusalKeepsTheSession(t *testing.T) {
	sim := simulator(t, emailsim.Options{})
	a := open(t, settingsFor(sim.Addr(), inTheClear, `"connections": 1`))
	var got []string
	for _, to := range []string{"bounce", "ana", "full", "spam", "ana", "rcpt-550", "rcpt-550", "ana"} {
		got = append(got, deliver(t, a, attemptTo(to+"@example.com"))[0].String())
	}
	want := "[rejected recipient 5.1.1 accepted failed 4.2.2 rejected message 5.7.1 accepted rejected recipient 550 rejected recipient 550 accepted]"
	if fmt.Sprint(got) != want || sim.Connections() != 1 || sim.Received() != 3 {
		t.Errorf("%v over %d connections", got, sim.Connections())
	}
}

// A server that went away while a session was idle costs no attempt.
func TestStaleSession(t *testing.T) {
	sim := simulator(t, emailsim.Options{})
	addr := sim.Addr()
	a := open(t, settingsFor(addr, inTheClear, `"connections": 2`))
	deliver(t, a, numbered(8)...)
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	if v := deliver(t, a, numbered(1)...)[0]; v.String() != "failed connect" {
		t.Errorf("with the server away: %s", v)
	}
	again, err := emailsim.Start(addr, emailsim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if v := deliver(t, a, numbered(1)...)[0]; v.ProviderID() == "" {
		t.Errorf("with the server back: %s", v)
	}
}

// The answer was lost after the final dot: the mail is there, and the verdict
// says that nobody knows.
func TestLostAnswer(t *testing.T) {
	sim := simulator(t, emailsim.Options{})
	a := open(t, settingsFor(sim.Addr(), inTheClear))
	verdicts := deliver(t, a, attemptTo("ana@example.com"), attemptTo("drop@example.com"), attemptTo("ben@example.com"))
	if got := verdicts[1].String(); got != "unknown lost_answer" || sim.Received() != 3 {
		t.Errorf("%s, %d arrived", got, sim.Received())
	}
	for _, i := range []int{0, 2} {
		if verdicts[i].ProviderID() == "" {
			t.Errorf("a mail beside it: %s", verdicts[i])
		}
	}
}

// Once the final dot is written, a deadline leaves the attempt unknown; while
// it waits for a session, surely not sent.
func TestDeadline(t *testing.T) {
	sim := simulator(t, emailsim.Options{Slow: time.Minute})
	a := open(t, settingsFor(sim.Addr(), inTheClear, `"connections": 1`))
	if v := deliver(t, a, attemptTo("slow@example.com", within(time.Second)))[0]; v.String() != "unknown deadline" {
		t.Errorf("after the final dot: %s", v)
	}
	a.pool.slots <- struct{}{} // the only session is in use
	if v := deliver(t, a, attemptTo("ana@example.com", within(50*time.Millisecond)))[0]; v.String() != "failed deadline" {
		t.Errorf("waiting for a session: %s", v)
	}
	<-a.pool.slots
	if v := deliver(t, a, attemptTo("ana@example.com"))[0]; v.ProviderID() == "" {
		t.Errorf("afterwards: %s", v)
	}
}

// A message that got its session too late for an answer is not begun.
func TestTooLateForAnAnswer(t *testing.T) {
	sim := simulator(t, emailsim.Options{})
	a := open(t, settingsFor(sim.Addr(), inTheClear))
	m, err := a.cfg.compose(attemptTo("ana@example.com"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m.latest = time.Now().Add(-time.Millisecond)
	if _, err := a.pool.send(t.Context(), m); err == nil || verdictOf(err).String() != "failed deadline" || sim.Received() != 0 {
		t.Errorf("%v, %d arrived", err, sim.Received())
	}
	start := time.UnixMilli(1_000_000)
	if got := latest(start, 1_400_000); !got.Equal(time.UnixMilli(1_300_000)) {
		t.Errorf("of 400 s the first %v are for handing over, want 300 s", got.Sub(start))
	}
	if !latest(start, 0).IsZero() {
		t.Error("no deadline bounds something")
	}
}

// The engine no longer waits, while the server has the whole mail.
func TestCancel(t *testing.T) {
	sim := simulator(t, emailsim.Options{Slow: time.Minute})
	a := open(t, settingsFor(sim.Addr(), inTheClear))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = sim.Wait(ctx, 1)
		cancel()
	}()
	var got sdk.Verdict
	a.Deliver(ctx, sdk.NewBatch([]*sdk.Attempt{attemptTo("slow@example.com")}, func(_ int, v sdk.Verdict) { got = v }))
	if got.String() != "unknown canceled" {
		t.Errorf("%s", got)
	}
}

// What arrives is what was composed, over the wire and back.
func TestArrives(t *testing.T) {
	sim := simulator(t, emailsim.Options{SMTPUTF8: true})
	a := open(t, settingsFor(sim.Addr(), inTheClear, `"envelope_from": "bounce@b.shop.example"`))
	text := ".\n..\nline\n" + strings.Repeat("long ", 40000)
	if v := deliver(t, a, attemptTo("björn@bücher.example", func(at *sdk.Attempt) { at.Content.Body = text }))[0]; v.ProviderID() == "" {
		t.Fatal(v)
	}
	m := sim.Messages()[0]
	if m.From != "bounce@b.shop.example" || m.To[0] != "björn@xn--bcher-kva.example" || len(m.Faults) > 0 {
		t.Errorf("from %s to %s, faults %v", m.From, m.To, m.Faults)
	}
	if got := strings.ReplaceAll(m.Text, "\r\n", "\n"); got != text+"\n" {
		t.Errorf("text of %d bytes arrives as %d", len(text), len(got))
	}
	if m.Subject != "Your order" || m.MessageID != "<00000000000000000000000000000001@shop.example>" {
		t.Errorf("%q %s", m.Subject, m.MessageID)
	}
}
