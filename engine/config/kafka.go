package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// TLSConfig returns the TLS configuration for the brokers, nil where TLS is
// off. It reads the certificate files.
func (k Kafka) TLSConfig() (*tls.Config, error) {
	if !k.TLS.Enabled {
		return nil, nil
	}
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         k.TLS.ServerName,
		InsecureSkipVerify: k.TLS.InsecureSkipVerify, // #nosec G402 -- the operator's own words, documented as a test's
	}
	if k.TLS.CA != "" {
		pem, err := os.ReadFile(k.TLS.CA)
		if err != nil {
			return nil, fmt.Errorf("read kafka.tls.ca: %w; name a readable PEM file", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka.tls.ca: %s holds no certificate; name a PEM file with BEGIN CERTIFICATE", k.TLS.CA)
		}
	}
	if k.TLS.Cert != "" {
		cert, err := tls.LoadX509KeyPair(k.TLS.Cert, k.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("load kafka.tls.cert and kafka.tls.key: %w; name a PEM certificate and its key", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// SASLMechanism returns the login for the brokers, nil where there is none. It
// resolves the password.
func (k Kafka) SASLMechanism() (sasl.Mechanism, error) {
	if k.SASL.Mechanism == "" {
		return nil, nil
	}
	password, err := k.SASL.Password.Resolve()
	if err != nil {
		return nil, fmt.Errorf("kafka.sasl.password: %w", err)
	}
	algorithms := map[string]scram.Algorithm{"scram-sha-256": scram.SHA256, "scram-sha-512": scram.SHA512}
	if algorithm, ok := algorithms[k.SASL.Mechanism]; ok {
		m, err := scram.Mechanism(algorithm, k.SASL.Username, password)
		if err != nil {
			// The cause is a character that SASLprep refuses (RFC 4013), and may quote it.
			return nil, errors.New("kafka.sasl: the user name or password has characters that SCRAM can't carry; change it at the broker")
		}
		return m, nil
	}
	if k.SASL.Mechanism != "plain" {
		return nil, fmt.Errorf("kafka.sasl.mechanism: %q is not known; take plain, scram-sha-256 or scram-sha-512", k.SASL.Mechanism)
	}
	return plain.Mechanism{Username: k.SASL.Username, Password: password}, nil
}
