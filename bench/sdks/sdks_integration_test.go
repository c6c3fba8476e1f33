//go:build integration

package sdks_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/carillonhq/carillon/bench/plugin"
	"github.com/carillonhq/carillon/bench/process"
	"github.com/carillonhq/carillon/bench/sdks"
	"github.com/carillonhq/carillon/engine/host"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk/conform"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

func example(t testing.TB, language string) string {
	t.Helper()
	path, err := sdks.Example(language, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The examples keep every rule of the protocol, as the bundled channels do: also
// that they leave by themselves when their parent dies.
func TestConform(t *testing.T) {
	for _, language := range sdks.Languages() {
		t.Run(language, func(t *testing.T) {
			board := filepath.Join(t.TempDir(), "board")
			s, err := conform.Read(fmt.Appendf(nil, `
settings: {file: %q}
refused:
  - {settings: {file: board}, path: file}
cases:
  - {name: a text, want: delivered}
  - {name: no text, content: {html: "<p>"}, want: rejected message no_text}
`, board), nil)
			if err != nil {
				t.Fatal(err)
			}
			e, err := plugin.New(example(t, language), nil, zerolog.Nop())
			if err != nil {
				t.Fatal(err)
			}
			kit := conform.New(e, s)
			defer kit.Close()
			var notRun []string
			for _, check := range conform.Checks() {
				switch r := kit.Run(t.Context(), check); r.Outcome {
				case conform.Failed:
					t.Errorf("%s: expected: %s: %+v", r.Name, r.Expected, r.Findings)
				case conform.NotRun:
					notRun = append(notRun, r.Name)
				}
			}
			if got, want := fmt.Sprint(notRun), "[deadline throttle]"; got != want { // a file is never slow
				t.Errorf("not run: %s, want %s", got, want)
			}
		})
	}
}

// One stream through the engine's host: batches of 128 with as many open as the
// plugin grants. The example writes each to /dev/null.
func BenchmarkPlugin(b *testing.B) {
	for _, language := range sdks.Languages() {
		b.Run(language, func(b *testing.B) {
			path := example(b, language)
			sum, err := host.Checksum(path)
			if err != nil {
				b.Fatal(err)
			}
			p := host.New(host.Spec{
				Name: "board", Path: path, SHA256: sum,
				Accounts: []host.Account{{Name: "main", Settings: []byte(`{"file": "/dev/null"}`)}},
			}, host.Config{}, zerolog.Nop())
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			stream, err := p.Deliver(ctx, "main", false)
			if err != nil {
				b.Fatal(err)
			}
			converse(b, stream, 2000) // it has warmed up
			before, _ := process.Usage(p.State().PID)
			b.ResetTimer()
			converse(b, stream, b.N)
			b.StopTimer()
			after, _ := process.Usage(p.State().PID)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
			b.ReportMetric(float64((after.CPU-before.CPU).Microseconds())/float64(b.N), "plugin-µs/send")
			b.ReportMetric(float64(after.Resident>>20), "MiB")
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

// converse sends n attempts and takes their verdicts. Between two of them all
// credits are the plugin's to give.
func converse(b *testing.B, stream host.Stream, n int) {
	b.Helper()
	const size, window = 128, 1024
	batch := make([]*channelv1.Attempt, size)
	for i := range batch {
		batch[i] = sdktest.Attempt(i)
		batch[i].DeadlineMs = time.Now().Add(time.Hour).UnixMilli()
	}
	for sent, answered := 0, 0; answered < n; {
		for sent < n && sent-answered+size <= window {
			next := batch[:min(size, n-sent)]
			for i, a := range next {
				a.Token = uint64(sent + i)
			}
			if err := stream.Send(&channelv1.DeliverRequest{Attempts: next}); err != nil {
				b.Fatal(err)
			}
			sent += len(next)
		}
		res, err := stream.Recv()
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range res.Results {
			if r.Verdict != channelv1.Verdict_VERDICT_DELIVERED {
				b.Fatalf("verdict %v %s", r.Verdict, r.Code)
			}
		}
		answered += len(res.Results)
	}
}
