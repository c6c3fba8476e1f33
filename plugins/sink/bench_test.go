package sink

import (
	"path/filepath"
	"testing"

	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

func BenchmarkSink(b *testing.B) {
	for name, settings := range map[string]string{
		"plain":  `{}`,
		"ledger": `{"ledger": "` + filepath.Join(b.TempDir(), "ledger") + `"}`,
	} {
		b.Run(name, func(b *testing.B) {
			sdktest.Benchmark(b, New, sdktest.Suite{
				Settings: settings,
				Good:     func(i int) *sdk.Attempt { return sdktest.Attempt(i) },
			})
		})
	}
}
