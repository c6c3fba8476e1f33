//go:build integration

package rate

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Nodes keep the rate of a provider, and use it, while one leaves and one joins. A
// run is longer than this; what it is judged by is the same, but for the rate that
// is used while other tests have the cores.
func TestNodesKeepARate(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		most, senders int
	}{
		{"one sender: the account's rate", 100, 1},
		{"several: the rates of apps", 10, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			r, err := Run(t.Context(), Config{
				Command: []string{exe}, Dir: t.TempDir(), Broker: "embedded", Partitions: 12, Most: c.most, Senders: c.senders, Share: 0.95,
				Length: 24 * time.Second, WarmUp: 3 * time.Second, HandOver: 4 * time.Second, Progress: &log,
			})
			if err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			}
			if r.Figure("overshoot").Value > 2 || r.Figure("utilisation").Value < 70 || r.Figure("doubled").Value > 0 {
				var text strings.Builder
				_ = r.Write(&text)
				t.Errorf("%s%s", log.String(), text.String())
			}
		})
	}
}
