package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/kafka"
	"github.com/carillonhq/carillon/engine/suppress"
	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// A URL that answers 410 is not called again, also by the node's next run, until
// somebody says that it may be.
func TestSuppressed(t *testing.T) {
	const secret = "0123456789abcdef"
	server, err := webhooksim.Start("127.0.0.1:0", webhooksim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	dir := t.TempDir()
	keep := func(name, text string) config.SecretRef {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.SecretRef("file:" + filepath.Join(dir, name))
	}
	r := newRig(t)
	r.cfg.Suppression.Key = keep("suppression", secret)
	r.channel("webhook", map[string]any{"allow_private": true, "allow_http": true},
		map[string]config.SecretRef{"signing_key": keep("signing", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")})
	r.start()
	n := 0
	hook := func() carillonv1.State {
		n++
		id := fmt.Sprint("m", n)
		r.publish(record("u1", fmt.Sprintf(`{"id":%q,"app":"shop","to":{"id":"u1","webhook":%q},"channels":["webhook"],"content":{"body":"B"}}`, id, server.URL())))
		for _, s := range r.statuses(untilOutcomes(n)) {
			if s.Id == id && s.Kind == carillonv1.Kind_KIND_OUTCOME {
				return s.Status
			}
		}
		return carillonv1.State_STATE_UNSPECIFIED
	}
	becomes := func(want carillonv1.State) {
		t.Helper()
		got := hook()
		for deadline := time.Now().Add(20 * time.Second); got != want; got = hook() {
			if time.Now().After(deadline) {
				t.Fatalf("sends end as %v, want %v", got, want)
			}
		}
	}
	server.Fail(webhooksim.Fault{Status: http.StatusGone})
	if got := hook(); got != carillonv1.State_STATE_REJECTED {
		t.Fatalf("the first ended as %v", got)
	}
	becomes(carillonv1.State_STATE_SUPPRESSED)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.start()
	if got := hook(); got != carillonv1.State_STATE_SUPPRESSED {
		t.Errorf("after a restart one ended as %v", got)
	}
	server.Fail(webhooksim.Fault{})
	key, err := suppress.NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	e := suppress.Entry{Hash: key.NewHasher().Sum(suppress.Address, server.URL()), Scope: suppress.Scope{App: "shop", Channel: "webhook"}}
	if err := r.kafka().Write(t.Context(), r.cfg.Topic("suppressions"), []kafka.Record{e.Tombstone()}); err != nil {
		t.Fatal(err)
	}
	becomes(carillonv1.State_STATE_SENT)
}
