//go:build integration

// These tests run against Postfix's smtp-sink and OpenDKIM, which speak SMTP
// and verify signatures as the world does.

package email

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/carillonhq/carillon/sdk"
)

// foreign finds a program, also where only root usually looks.
func foreign(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		if path := filepath.Join(dir, name); executable(path) {
			return path
		}
	}
	t.Fatalf("%s is not installed: apt-get install %s, or run make test-all, which does so", name, pkg)
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// sink starts smtp-sink with the options and returns its address.
func sink(t *testing.T, options ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	if os.Getuid() == 0 { // it refuses to run as root
		options = append(options, "-u", "nobody")
	}
	var said bytes.Buffer
	cmd := exec.Command(foreign(t, "smtp-sink", "postfix"), append(options, addr, "100")...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("smtp-sink said: %s", &said)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return addr
		}
	}
	t.Fatalf("smtp-sink does not listen on %s", addr)
	return ""
}

// Every mail arrives once, as it was composed.
func TestSMTPSink(t *testing.T) {
	for _, x := range []struct {
		name    string
		options []string
	}{
		{"pipelined", nil},
		{"without PIPELINING", []string{"-p"}},
		{"without enhanced status codes", []string{"-E"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "smtp-sink") // t.TempDir is closed to nobody
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			a := open(t, settingsFor(sink(t, append(x.options, "-d", dir+"/mail.")...), inTheClear, `"connections": 4`))
			batch := numbered(300)
			for i, v := range deliver(t, a, batch...) {
				if v.String() != "accepted" || v.ProviderID() == "" {
					t.Fatalf("mail %d: %s %q", i, v, v.ProviderID())
				}
			}
			_ = a.Close()
			checkDump(t, dir, batch)
		})
	}
}

func checkDump(t *testing.T, dir string, batch []*sdk.Attempt) {
	t.Helper()
	files, err := filepath.Glob(dir + "/mail.*")
	if err != nil {
		t.Fatal(err)
	}
	arrived := map[string]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
		if err != nil || len(e.Errors) > 0 {
			t.Fatalf("%v %v\n%s", err, e.Errors, raw)
		}
		if !strings.Contains(e.Text, "It has left our house.") || e.GetHeader("X-Rcpt-Args") != e.GetHeader("To") {
			t.Errorf("to %s for %s: %q", e.GetHeader("X-Rcpt-Args"), e.GetHeader("To"), e.Text)
		}
		arrived[e.GetHeader("Message-ID")]++
	}
	if len(files) != len(batch) || len(arrived) != len(batch) {
		t.Errorf("%d mails arrived with %d ids, want %d", len(files), len(arrived), len(batch))
	}
}

// smtp-sink refuses and leaves at each command that it is told to.
func TestSMTPSinkFaults(t *testing.T) {
	for _, x := range []struct{ option, command, want string }{
		{"-f", "CONNECT", "rejected credential 5.3.0"},
		{"-f", "EHLO", "rejected credential 5.3.0"},
		{"-f", "MAIL", "rejected credential 5.3.0"},
		{"-f", "RCPT", "rejected policy 5.3.0"},
		{"-f", "DATA", "rejected policy 5.3.0"},
		{"-f", ".", "rejected policy 5.3.0"},
		{"-r", "CONNECT", "failed 4.3.0"},
		{"-r", "MAIL", "failed 4.3.0"},
		{"-r", "RCPT", "failed 4.3.0"},
		{"-r", ".", "failed 4.3.0"},
		{"-Q", "CONNECT", "throttled 421"},
		{"-Q", "MAIL", "throttled 421"},
		{"-Q", "RCPT", "throttled 421"},
		{"-Q", ".", "throttled 421"},
		{"-q", "CONNECT", "failed disconnected"},
		{"-q", "MAIL", "failed disconnected"},
		{"-q", "RCPT", "failed disconnected"},
		{"-q", "DATA", "failed disconnected"},
		{"-q", ".", "unknown lost_answer"},
	} {
		t.Run(x.option+" "+x.command, func(t *testing.T) {
			a := open(t, settingsFor(sink(t, x.option, x.command), inTheClear))
			for i, v := range deliver(t, a, numbered(3)...) {
				if v.String() != x.want {
					t.Errorf("mail %d: %s, want %s", i, v, x.want)
				}
			}
		})
	}
}

// OpenDKIM takes the signature, and refuses it for another text.
func TestOpenDKIM(t *testing.T) {
	opendkim := foreign(t, "opendkim", "opendkim")
	for _, kind := range []string{"rsa", "ed25519"} {
		t.Run(kind, func(t *testing.T) {
			key, record := signingKey(t, kind)
			m, err := configFor(t, signingSettings, secretDKIMKey, key).compose(attemptTo("ana@example.com", campaign), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			write := func(name, text string) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			dns := write("dns", "s2026._domainkey.shop.example "+record+"\n")
			conf := write("conf", fmt.Sprintf("Mode v\nTestDNSData file:%s\n", dns))
			for text, want := range map[string]string{"has left our house": "succeeded", "has burnt": "failed"} {
				mail := write("mail", strings.Replace(string(m.unstuffed()), "has left our house", text, 1))
				out, err := exec.Command(opendkim, "-x", conf, "-t", mail).CombinedOutput()
				if err != nil || !strings.Contains(string(out), want) {
					t.Errorf("%q: %v %s, want %s", text, err, out, want)
				}
			}
		})
	}
}
