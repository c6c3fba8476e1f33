package email

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/carillonhq/carillon/sdk"
)

// signedHeaders is what a signature covers. From is named twice, so that
// nobody can add a second one (RFC 6376 section 8.15). RFC 8058 section 4
// wants both List-Unsubscribe headers covered.
var signedHeaders = []string{
	"From", "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", "Auto-Submitted", "Feedback-ID", "List-Id", "List-Unsubscribe",
	"List-Unsubscribe-Post",
}

func signOptions(domain, selector string, signer crypto.Signer) *dkim.SignOptions {
	return &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: signer, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}
}

// sign puts a DKIM-Signature (RFC 6376) before the message, where the account
// has a key. Headers that the message lacks are left out of the signature,
// but for the second From: a relay may well add its own List-Id.
func (c *config) sign(raw []byte) ([]byte, error) {
	if c.dkim == nil {
		return raw, nil
	}
	opts := *c.dkim
	opts.HeaderKeys = slices.DeleteFunc(slices.Clone(signedHeaders), func(name string) bool {
		return name != "From" && !hasHeader(raw, name)
	})
	var signed bytes.Buffer
	signed.Grow(len(raw) + 1024)
	if err := dkim.Sign(&signed, bytes.NewReader(raw), &opts); err != nil {
		return nil, err
	}
	return signed.Bytes(), nil
}

func hasHeader(raw []byte, name string) bool {
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range bytes.Lines(head) {
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return true
		}
	}
	return false
}

// parseKey reads an RSA or Ed25519 (RFC 8463) private key in PEM. Its errors
// show nothing of it.
func parseKey(secret sdk.Secret) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(secret.Reveal()))
	if block == nil {
		return nil, errors.New("must be a private key in PEM (PKCS #8, or PKCS #1 for RSA)")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return strongEnough(key)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is no PKCS #8 or PKCS #1 private key")
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return strongEnough(key)
	case ed25519.PrivateKey:
		return key, nil
	default:
		return nil, errors.New("must be an RSA or an Ed25519 key")
	}
}

// strongEnough holds to RFC 8301 section 3.2.
func strongEnough(key *rsa.PrivateKey) (crypto.Signer, error) {
	if key.N.BitLen() < 1024 {
		return nil, errors.New("is an RSA key of less than 1024 bits; take 2048")
	}
	return key, nil
}
