package host

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// clientCertEnv is how go-plugin's AutoMTLS tells a plugin whom to trust.
const clientCertEnv = "PLUGIN_CLIENT_CERT"

// mutualTLS makes what go-plugin's AutoMTLS would: a certificate for one start,
// and the same in PEM for the plugin's environment. The plugin answers with its
// own in the handshake, and go-plugin then trusts that one alone.
//
// It is made here for its curve. AutoMTLS takes P-521, which BoringSSL refuses
// from a client, and BoringSSL is what gRPC's C core is built with: grpcio 1.85
// from PyPI could not be a plugin. P-256 works everywhere, and fast.
func mutualTLS() (*tls.Config, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, "", fmt.Errorf("make a serial number: %w", err)
	}
	const host = "localhost" // the name that go-plugin's certificates have
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: host, Organization: []string{"Carillon"}},
		DNSNames:     []string{host},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().AddDate(30, 0, 0), // beyond any run of the engine
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("make a certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		// Nobody is trusted until the handshake has named the plugin's own.
		RootCAs:    x509.NewCertPool(),
		ServerName: host,
		MinVersion: tls.VersionTLS12,
	}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
