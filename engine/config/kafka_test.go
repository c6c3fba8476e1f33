package config

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

// certificate writes a certificate that signs itself, and its key.
func certificate(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(file, kind string, data []byte) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write(name+".pem", "CERTIFICATE", der), write(name+"-key.pem", "PRIVATE KEY", keyDER)
}

// secureBroker starts a broker that asks for a certificate and a login, and
// returns its address.
func secureBroker(t *testing.T, brokerCert, brokerKey, clientCert string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(brokerCert, brokerKey)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	client, err := os.ReadFile(clientCert)
	if err != nil || !clients.AppendCertsFromPEM(client) {
		t.Fatal(err)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "u", canary), kfake.Superuser("SCRAM-SHA-256", "u", canary), kfake.Superuser("SCRAM-SHA-512", "u", canary),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// A broker with mutual TLS and every mechanism lets us in with what the
// configuration says, and only with that.
func TestLogin(t *testing.T) {
	dir := t.TempDir()
	brokerCert, brokerKey := certificate(t, dir, "broker.test")
	clientCert, clientKey := certificate(t, dir, "client.test")
	addr := secureBroker(t, brokerCert, brokerKey, clientCert)
	t.Setenv("CARILLON_TEST_RIGHT", canary)
	t.Setenv("CARILLON_TEST_WRONG", "wrong")
	secure := TLS{Enabled: true, CA: brokerCert, Cert: clientCert, Key: clientKey, ServerName: "broker.test"}
	login := SASL{Mechanism: "scram-sha-512", Username: "u", Password: "env:CARILLON_TEST_RIGHT"}
	for name, x := range map[string]struct {
		change func(k *Kafka)
		ok     bool
	}{
		"SCRAM-SHA-512":          {func(*Kafka) {}, true},
		"SCRAM-SHA-256":          {func(k *Kafka) { k.SASL.Mechanism = "scram-sha-256" }, true},
		"PLAIN":                  {func(k *Kafka) { k.SASL.Mechanism = "plain" }, true},
		"any certificate":        {func(k *Kafka) { k.TLS.CA, k.TLS.ServerName, k.TLS.InsecureSkipVerify = "", "", true }, true},
		"wrong password":         {func(k *Kafka) { k.SASL.Password = "env:CARILLON_TEST_WRONG" }, false},
		"unknown authority":      {func(k *Kafka) { k.TLS.CA = "" }, false},
		"certificate of another": {func(k *Kafka) { k.TLS.ServerName = "" }, false},
		"no certificate of ours": {func(k *Kafka) { k.TLS.Cert, k.TLS.Key = "", "" }, false},
		"no TLS":                 {func(k *Kafka) { k.TLS = TLS{} }, false},
		"no login":               {func(k *Kafka) { k.SASL = SASL{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := Kafka{TLS: secure, SASL: login}
			x.change(&k)
			err := metadata(k, addr)
			if (err == nil) != x.ok {
				t.Error(err)
			}
		})
	}
}

// metadata asks the broker something that needs a login.
func metadata(k Kafka, addr string) error {
	secure, err := k.TLSConfig()
	if err != nil {
		return err
	}
	mechanism, err := k.SASLMechanism()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	dialer := kafkago.Dialer{TLS: secure, SASLMechanism: mechanism}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	_, err = conn.Brokers()
	return err
}

func TestKafkaFaults(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir, "a.test")
	_, other := certificate(t, dir, "b.test")
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, k := range map[string]Kafka{
		"read kafka.tls.ca: open /none.pem":                {TLS: TLS{Enabled: true, CA: "/none.pem"}},
		"holds no certificate":                             {TLS: TLS{Enabled: true, CA: empty}},
		"load kafka.tls.cert and kafka.tls.key: open":      {TLS: TLS{Enabled: true, Cert: cert, Key: "/none.pem"}},
		"private key does not match public key":            {TLS: TLS{Enabled: true, Cert: cert, Key: other}},
		"kafka.sasl.password: secret env:CARILLON_TEST_NO": {SASL: SASL{Mechanism: "plain", Password: "env:CARILLON_TEST_NO"}},
	} {
		_, errTLS := k.TLSConfig()
		_, errSASL := k.SASLMechanism()
		if err := errors.Join(errTLS, errSASL); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// Off is nil, which is what Kafka clients take for off.
	secure, err := Kafka{}.TLSConfig()
	mechanism, errSASL := Kafka{}.SASLMechanism()
	if secure != nil || mechanism != nil || err != nil || errSASL != nil {
		t.Errorf("off: %v %v %v %v", secure, mechanism, err, errSASL)
	}
	secure, err = Kafka{TLS: TLS{Enabled: true, Cert: cert, Key: key}}.TLSConfig()
	if err != nil || secure.MinVersion != tls.VersionTLS12 || len(secure.Certificates) != 1 {
		t.Errorf("%+v %v", secure, err)
	}
}

// SASLprep (RFC 4013) refuses some characters; the error must not quote them.
func TestPasswordThatScramCannotCarry(t *testing.T) {
	t.Setenv("CARILLON_TEST_BELL", canary+"\x07")
	k := Kafka{SASL: SASL{Mechanism: "scram-sha-256", Username: "u", Password: "env:CARILLON_TEST_BELL"}}
	_, err := k.SASLMechanism()
	if err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "kafka.sasl") {
		t.Error(err)
	}
}

// A broker needs a host and a port; a listener may leave either open.
func TestIsAddress(t *testing.T) {
	for s, want := range map[string][2]bool{ // as a broker, to listen at
		"a.example.com:9092": {true, true}, "[::1]:9092": {true, true}, ":8080": {false, true}, "127.0.0.1:0": {false, true},
		"": {}, "a": {}, "a:": {}, "a:b": {}, "a:65536": {}, "::1:9092": {}, "a:-1": {}, "http://a:1": {},
	} {
		if got := [2]bool{isAddress(s, 1), isAddress(s, 0)}; got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
