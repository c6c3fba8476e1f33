package email

import (
	"fmt"
	"testing"

	"github.com/carillonhq/carillon/plugins/email/emailsim"
	"github.com/carillonhq/carillon/sdk"
)

// BenchmarkDeliver is the channel and its simulator in one process, without
// TLS; signing adds the cost of the key.
func BenchmarkDeliver(b *testing.B) {
	sim, err := emailsim.Start("127.0.0.1:0", emailsim.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	c, err := newConfig(sdk.AccountConfig{Settings: []byte(settingsFor(sim.Addr(), inTheClear))})
	if err != nil {
		b.Fatal(err)
	}
	a := &account{cfg: c, pool: newPool(c)}
	defer a.Close()
	batch := make([]*sdk.Attempt, b.N)
	for i := range batch {
		batch[i] = attemptTo(fmt.Sprintf("user%d@example.com", i), func(a *sdk.Attempt) { a.DeadlineMs = 0 })
	}
	b.ReportAllocs()
	b.ResetTimer()
	a.Deliver(b.Context(), sdk.NewBatch(batch, func(_ int, v sdk.Verdict) {
		if v.ProviderID() == "" {
			b.Error(v)
		}
	}))
}
