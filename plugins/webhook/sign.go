package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/carillonhq/carillon/sdk"
)

// The header fields of Standard Webhooks.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// key signs with one secret; exactly one of the two is set.
type key struct {
	symmetric  []byte
	asymmetric ed25519.PrivateKey
}

// openKeys reads the secrets. A receiver that knows the new or the previous key
// finds a signature by its own while keys are changed.
func openKeys(secrets map[string]sdk.Secret, faults *sdk.Faults) []key {
	var keys []key
	for _, name := range []string{"signing_key", "signing_key_previous"} {
		value := secrets[name].Reveal()
		if value == "" {
			faults.Add(name != "signing_key", "secrets.signing_key", "is needed; make one with: echo whsec_$(openssl rand -base64 32)")
			continue
		}
		k, ok := parseKey(value)
		faults.Add(ok, "secrets."+name, "must be whsec_ and the base64 of 24 to 64 bytes, or whsk_ and that of an Ed25519 private key")
		keys = append(keys, k)
	}
	return keys
}

// parseKey reads the serialized keys of Standard Webhooks. An Ed25519 key is
// its seed, or the seed and the public key behind it (RFC 8032).
func parseKey(text string) (key, bool) {
	kind, encoded, _ := strings.Cut(text, "_")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return key{}, false
	case kind == "whsec" && len(raw) >= 24 && len(raw) <= 64:
		return key{symmetric: raw}, true
	case kind == "whsk" && len(raw) == ed25519.SeedSize:
		return key{asymmetric: ed25519.NewKeyFromSeed(raw)}, true
	case kind == "whsk" && len(raw) == ed25519.PrivateKeySize:
		whole := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
		return key{asymmetric: whole}, whole.Equal(ed25519.PrivateKey(raw))
	}
	return key{}, false
}

// sign returns the value of webhook-signature: one signature per key over
// "id.timestamp.body".
func sign(keys []key, id string, at time.Time, body []byte) string {
	content := make([]byte, 0, len(id)+len(body)+24)
	content = append(append(content, id...), '.')
	content = append(strconv.AppendInt(content, at.Unix(), 10), '.')
	content = append(content, body...)
	var out []byte
	for i, k := range keys {
		if i > 0 {
			out = append(out, ' ')
		}
		if k.asymmetric != nil {
			out = base64.StdEncoding.AppendEncode(append(out, "v1a,"...), ed25519.Sign(k.asymmetric, content))
			continue
		}
		mac := hmac.New(sha256.New, k.symmetric)
		mac.Write(content)
		out = base64.StdEncoding.AppendEncode(append(out, "v1,"...), mac.Sum(nil))
	}
	return string(out)
}
