package webhooksim

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// verifier checks signatures with the reference implementation of Standard
// Webhooks, which is not ours. That one knows no Ed25519, so "v1a" is checked
// here.
type verifier struct {
	symmetric  []*standardwebhooks.Webhook
	asymmetric []ed25519.PublicKey
}

func newVerifier(keys []string) (verifier, error) {
	var v verifier
	for i, text := range keys {
		if encoded, ok := strings.CutPrefix(text, "whpk_"); ok {
			raw, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil || len(raw) != ed25519.PublicKeySize {
				return v, fmt.Errorf("key %d of the webhook receiver: whpk_ must be followed by the base64 of 32 bytes", i+1)
			}
			v.asymmetric = append(v.asymmetric, raw)
			continue
		}
		w, err := standardwebhooks.NewWebhook(text)
		if err != nil {
			return v, fmt.Errorf("key %d of the webhook receiver must be whsec_ or whpk_ and base64", i+1)
		}
		v.symmetric = append(v.symmetric, w)
	}
	return v, nil
}

func (v verifier) ok(m Message) bool {
	header := http.Header{}
	for _, h := range m.Headers {
		header.Add(h[0], h[1])
	}
	for _, w := range v.symmetric {
		if w.Verify(m.Raw, header) == nil {
			return true
		}
	}
	content := header.Get("webhook-id") + "." + header.Get("webhook-timestamp") + "." + string(m.Raw)
	for signature := range strings.SplitSeq(header.Get("webhook-signature"), " ") {
		encoded, isAsymmetric := strings.CutPrefix(signature, "v1a,")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		for _, public := range v.asymmetric {
			if isAsymmetric && err == nil && ed25519.Verify(public, []byte(content), raw) {
				return true
			}
		}
	}
	return len(v.symmetric)+len(v.asymmetric) == 0
}
