package host

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

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

func TestLines(t *testing.T) {
	long := strings.Repeat("a", 10_000)
	for _, c := range []struct {
		why    string
		writes []string
		want   []string
	}{
		{"a line in pieces", []string{"one ", "line\n"}, []string{"one line"}},
		{"several in one piece, blank ones left out, the last without an end", []string{"a\n\nb\n  \nc"}, []string{"a", "b", "c"}},
		{"a long one is cut, and the next is whole", []string{long, long + "\nnext\n"}, []string{long[:maxLine] + "…", "next"}},
		{"a secret in pieces", []string{"x s3c", "ret y\n"}, []string{"x [redacted] y"}},
		{"a secret across the cut does not show its first half", []string{long[:maxLine-3] + "s3cret" + long + "\n"}, []string{long[:maxLine-3] + "[re…"}},
		{
			"nor where what was hidden before made room", []string{strings.Repeat("s3cret", 682) + "bbbbb" + "s3cret" + "\n"},
			[]string{strings.Repeat("[redacted]", 682)[:maxLine] + "…"},
		},
		{"bytes that are no text", []string{"\xff\xfe\n"}, []string{"\uFFFD\uFFFD"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			var log bytes.Buffer
			out := newOutput(zerolog.New(&log), newMask([]Account{{Secrets: map[string]string{"k": "s3cret"}}}))
			w := out.stream(zerolog.InfoLevel, "stderr")
			for _, p := range c.writes {
				if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
					t.Fatal(n, err)
				}
			}
			w.flush()
			if got := messages(t, log.String()); !slices.Equal(got, c.want) {
				t.Errorf("got  %.200q\nwant %.200q", got, c.want)
			}
		})
	}
}

func messages(t *testing.T, log string) (got []string) {
	t.Helper()
	for line := range strings.Lines(log) {
		var entry struct{ Message string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		got = append(got, entry.Message)
	}
	return got
}

func TestLineRate(t *testing.T) {
	var log bytes.Buffer
	now := time.Now()
	out := newOutput(zerolog.New(&log), newMask(nil))
	out.now = func() time.Time { return now }
	write := func(n int) int {
		log.Reset()
		for range n {
			out.line(zerolog.InfoLevel, "stderr", "x", false)
		}
		return strings.Count(log.String(), `"x"`)
	}
	if n := write(linesPerSecond + 7); n != linesPerSecond {
		t.Errorf("first second: %d", n)
	}
	now = now.Add(time.Second)
	if n := write(1); n != 1 || !strings.Contains(log.String(), `"lines":7`) {
		t.Errorf("next second: %d, %s", n, log.String())
	}
	write(linesPerSecond)
	log.Reset()
	out.end()
	out.end()
	if strings.Count(log.String(), `"lines":1`) != 1 {
		t.Errorf("end: %s", log.String())
	}
}

func TestMask(t *testing.T) {
	pem := "-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEH\n-----END KEY-----\n"
	m := newMask([]Account{{Secrets: map[string]string{"a": "hunter", "b": "hunter22", "c": "p&ss w/rd", "d": pem, "e": ""}}})
	for in, want := range map[string]string{
		"key hunter":                        "key [redacted]",
		"key hunter22, the longer one":      "key [redacted], the longer one",
		"POST /?k=p%26ss+w%2Frd":            "POST /?k=[redacted]",
		`{"k":"p\u0026ss w/rd"}`:            `{"k":"[redacted]"}`,
		"basic aHVudGVyMjI=":                "basic [redacted]",
		"bad line AgEGCCqGSM49AwEH in key":  "bad line [redacted] in key",
		"to <ana.maria@example.com> failed": "to <[address]> failed",
		"to=o'brien@exämple.pt":             "to=o'[address]",
		"to=ana%40example.com&x=1":          "to=[address]&x=1",
		"call +351 912-345-678 now":         "call [number] now",
		"call (555) 123-4567":               "call [number]",
		"MSISDN 351912345678":               "MSISDN [number]",
		"2026-11-05T10:20:30 port 8080":     "2026-11-05T10:20:30 port 8080",
		"exit status 2 after 1500 ms":       "exit status 2 after 1500 ms",
	} {
		if got := m.clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}
