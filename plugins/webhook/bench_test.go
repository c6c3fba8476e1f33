package webhook

import (
	"testing"

	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

// BenchmarkWebhook has the receiver in the same process, too.
func BenchmarkWebhook(b *testing.B) {
	sim, err := webhooksim.Start("127.0.0.1:0", webhooksim.Options{Keep: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	sdktest.Benchmark(b, New, sdktest.Suite{
		Settings: `{` + loopback + `}`,
		Secrets:  map[string]string{"signing_key": newKey},
		Good:     func(i int) *sdk.Attempt { return sdktest.Attempt(i, sdktest.To(sim.URL())) },
	})
}
