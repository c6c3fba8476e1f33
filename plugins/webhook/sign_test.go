package webhook

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

func mustKey(t *testing.T, text string) key {
	t.Helper()
	k, ok := parseKey(text)
	if !ok {
		t.Fatalf("key %q is refused", text)
	}
	return k
}

// seed is bytes 00 to 1f, the private key of the Ed25519 vector.
func seed() []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// TestVectors holds signatures against one of the specification's own (the
// symmetric one) and one that was computed with another library.
func TestVectors(t *testing.T) {
	const id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`
	at := time.Unix(1614265330, 0)
	symmetric := mustKey(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	asymmetric := mustKey(t, "whsk_"+base64.StdEncoding.EncodeToString(seed()))
	const v1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	const v1a = "v1a,yoUrgEkc12aGqm0n4Sydmdz55xJfTz4AsAgieHFjmkR7LJtqVCZOQYzvvHjI5kAey+r4iaBGxTFRrl2iBQxtDQ=="
	if got := sign([]key{symmetric}, id, at, []byte(body)); got != v1 {
		t.Errorf("signed %s, want %s", got, v1)
	}
	if got := sign([]key{asymmetric, symmetric}, id, at, []byte(body)); got != v1a+" "+v1 {
		t.Errorf("signed %s, want %s", got, v1a+" "+v1)
	}
}

// TestReferenceVerifies lets the reference implementation judge signatures of
// anything.
func TestReferenceVerifies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "secret")
		text := "whsec_" + base64.StdEncoding.EncodeToString(secret)
		id := rapid.StringMatching(`[0-9a-f]{32}`).Draw(t, "id")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		k, ok := parseKey(text)
		if !ok {
			t.Fatalf("key of %d bytes is refused", len(secret))
		}
		now := time.Now()
		other := key{symmetric: make([]byte, 24)}
		reference, err := standardwebhooks.NewWebhook(text)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		header.Set("webhook-id", id)
		header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
		header.Set("webhook-signature", sign([]key{other, k}, id, now, body))
		if err := reference.Verify(body, header); err != nil {
			t.Fatal(err)
		}
	})
}

func TestKeys(t *testing.T) {
	encode := base64.StdEncoding.EncodeToString
	pair := append(seed(), mustKey(t, "whsk_"+encode(seed())).asymmetric[32:]...)
	for _, x := range []struct {
		text string
		ok   bool
	}{
		{"whsec_" + encode(make([]byte, 24)), true},
		{"whsec_" + encode(make([]byte, 64)), true},
		{"whsec_" + encode(make([]byte, 23)), false},
		{"whsec_" + encode(make([]byte, 65)), false},
		{"whsk_" + encode(seed()), true},
		{"whsk_" + encode(pair), true},
		{"whsk_" + encode(make([]byte, 64)), false}, // the public half is another key's
		{"whsk_" + encode(make([]byte, 31)), false},
		{"whpk_" + encode(seed()), false}, // a public key can't sign
		{encode(make([]byte, 32)), false},
		{"whsec_not base64", false},
	} {
		if _, ok := parseKey(x.text); ok != x.ok {
			t.Errorf("parseKey(%q): %v, want %v", x.text, ok, x.ok)
		}
	}
}

// TestRotation: a receiver that knows only one of the two keys takes a message
// all the same, and one that knows neither does not.
func TestRotation(t *testing.T) {
	public := "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
	private := "whsk_" + base64.StdEncoding.EncodeToString(seed())
	for name, x := range map[string]struct{ ours, theirs, want string }{
		"the new key":                       {newKey, newKey, "accepted"},
		"the previous key":                  {newKey, oldKey, "accepted"},
		"from whsec to whsk, still the old": {private, oldKey, "accepted"},
		"from whsec to whsk, already new":   {private, public, "accepted"},
		"another key":                       {newKey, "whsec_" + strings.Repeat("A", 32), "rejected message 401"},
	} {
		t.Run(name, func(t *testing.T) {
			sim := receiver(t, webhooksim.Options{Keys: []string{x.theirs}})
			v := open(t, x.ours, "").deliver(t.Context(), sdktest.Attempt(1, sdktest.To(sim.URL())))
			if v.String() != x.want {
				t.Errorf("%q, want %q", v, x.want)
			}
		})
	}
}
