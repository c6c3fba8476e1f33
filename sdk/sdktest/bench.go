package sdktest

import (
	"testing"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
)

// Benchmark sends b.N good attempts over one stream, in batches of 128 or the
// channel's most, with as many open as the channel grants. It reports the
// results per message besides. The client runs in the same process.
func Benchmark(b *testing.B, newChannel func() sdk.Channel, s Suite) {
	p := serve(b, newChannel())
	p.open(b, "a", s.Settings, s.Secrets)
	about, err := p.Describe(soon(b), &channelv1.DescribeRequest{})
	if err != nil {
		b.Fatal(err)
	}
	size := min(int(about.MaxBatch), 128)
	batch := make([]*sdk.Attempt, size)
	for i := range batch {
		batch[i] = s.Good(i)
		batch[i].DeadlineMs = 0
	}
	call := p.deliver(b, "a")
	b.ReportAllocs()
	b.ResetTimer()
	sent, answered, messages := 0, 0, 0
	for answered < b.N {
		for n := min(size, b.N-sent); n > 0 && n <= call.credits-sent; n = min(size, b.N-sent) {
			call.send(b, batch[:n])
			sent += n
		}
		answered += len(call.receive(b).Results)
		messages++
	}
	b.ReportMetric(float64(answered)/float64(messages), "results/message")
}
