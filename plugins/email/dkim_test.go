package email

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	"github.com/carillonhq/carillon/sdk"
)

const signingSettings = `{
	"host": "127.0.0.1", "tls": {"mode": "none"}, "from": {"address": "news@shop.example"},
	"list_unsubscribe": {"url": "https://u.shop.example/u/{id}", "one_click": true},
	"dkim": {"domain": "shop.example", "selector": "s2026"}
}`

// signingKey returns a key in PEM and its DNS record. RSA keys of 2048 bits.
func signingKey(t *testing.T, kind string) (key, record string) {
	t.Helper()
	if kind == "ed25519" {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return pemOf(t, private), "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	record = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
	if kind == "rsa pkcs1" {
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})), record
	}
	return pemOf(t, private), record
}

func pemOf(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func verify(t *testing.T, raw []byte, record string) *dkim.Verification {
	t.Helper()
	all, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if name != "s2026._domainkey.shop.example" {
			return nil, fmt.Errorf("no record for %s", name)
		}
		return []string{record}, nil
	}})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d signatures, %v", len(all), err)
	}
	return all[0]
}

func TestDKIM(t *testing.T) {
	for _, kind := range []string{"rsa", "rsa pkcs1", "ed25519"} {
		t.Run(kind, func(t *testing.T) {
			key, record := signingKey(t, kind)
			c := configFor(t, signingSettings, secretDKIMKey, key)
			m, err := c.compose(attemptTo("ana@example.com", campaign, content(&carillonv1.Content{Title: "Olá", Body: "a  \n\n\n", Html: "<p>b</p>\n\n"})), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			raw := m.unstuffed()
			v := verify(t, raw, record)
			if v.Err != nil {
				t.Fatalf("%v\n%s", v.Err, raw)
			}
			from := 0
			for _, name := range v.HeaderKeys {
				if strings.EqualFold(name, "From") {
					from++
				}
			}
			for _, name := range []string{"Subject", "To", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"} {
				if !slices.ContainsFunc(v.HeaderKeys, func(k string) bool { return strings.EqualFold(k, name) }) {
					t.Errorf("%s is not signed: %v", name, v.HeaderKeys)
				}
			}
			if from != 2 || !bytes.Contains(raw, []byte("c=relaxed/relaxed")) {
				t.Errorf("From is named %d times, or not relaxed\n%s", from, raw)
			}
		})
	}
}

// What relays do to a mail on its way must not break the signature, what
// forgers do must.
func TestDKIMOnTheWay(t *testing.T) {
	key, record := signingKey(t, "ed25519")
	m, err := configFor(t, signingSettings, secretDKIMKey, key).compose(attemptTo("ana@example.com"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	raw := string(m.unstuffed())
	for _, x := range []struct {
		name, mail string
		good       bool
	}{
		{"a header more", "Received: by mx.example\r\n" + raw, true},
		{"a list header more", "List-Id: <relay.example>\r\n" + raw, true},
		{"blanks in a header", strings.Replace(raw, "Subject: Your order", "subject:  Your\r\n order ", 1), true},
		{"blanks at a line's end, empty lines at the end", strings.TrimSuffix(raw, "\r\n") + " \r\n\r\n\r\n", true},
		{"another subject", strings.Replace(raw, "Your order", "Your prize", 1), false},
		{"another text", strings.Replace(raw, "left", "burnt", 1), false},
		{"a second From", "From: bank@bank.example\r\n" + raw, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			if v := verify(t, []byte(x.mail), record); (v.Err == nil) != x.good {
				t.Errorf("verifier says %v\n%s", v.Err, x.mail)
			}
		})
	}
}

func TestDKIMKeyIsChecked(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak.N.Rsh(weak.N, 1)
	for name, key := range map[string]string{
		"not PEM":   "canary",
		"not a key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("canary")})),
	} {
		if _, err := parseKey(sdk.NewSecret(key)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := strongEnough(weak); err == nil {
		t.Error("an RSA key of 1023 bits is taken")
	}
}
