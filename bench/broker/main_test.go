package broker

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	ServeIfAsked()
	os.Exit(m.Run())
}

func startEmbedded(t *testing.T, dir string) *Broker {
	t.Helper()
	b, err := StartEmbedded(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, b)
	return b
}

func closeAfter(t *testing.T, b *Broker) {
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}
