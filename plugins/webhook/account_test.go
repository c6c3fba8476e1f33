package webhook

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

// TestTLS talks to net/http's server: a certificate of an unknown authority or
// for another name is refused before anything is sent.
func TestTLS(t *testing.T) {
	var arrived atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
	defer server.Close()
	acct := open(t, newKey, "")
	at := sdktest.Attempt(1, sdktest.To(server.URL))
	if v := acct.deliver(t.Context(), at); v.String() != "failed tls" || arrived.Load() != 0 {
		t.Errorf("unknown authority: %q, %d arrived", v, arrived.Load())
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	acct = open(t, newKey, "")
	acct.client.TLSConfig = &tls.Config{RootCAs: roots}
	for range 3 { // the second and third over the same connection
		if v := acct.deliver(t.Context(), at); v.String() != "accepted" {
			t.Errorf("known authority: %q", v)
		}
	}
	if arrived.Load() != 3 || acct.client.ConnsCount() != 1 {
		t.Errorf("%d arrived over %d connections, want 3 over 1", arrived.Load(), acct.client.ConnsCount())
	}
	// The certificate names 127.0.0.1 and example.com.
	other := sdktest.Attempt(1, sdktest.To(strings.Replace(server.URL, "127.0.0.1", "localhost", 1)))
	if v := acct.deliver(t.Context(), other); v.String() != "failed tls" {
		t.Errorf("certificate of another host: %q", v)
	}
}

// hangUpServer answers one request per connection and closes it without
// having said so, as a server does whose idle timeout ran out.
func hangUpServer(t *testing.T, wrap func(net.Conn) net.Conn) (addr string, hungUp <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	closed := make(chan struct{}, 16)
	go func() {
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			c := wrap(raw)
			if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = req.Body.Read(make([]byte, 1<<16))
				_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
			}
			c.Close()
			closed <- struct{}{}
		}
	}()
	return listener.Addr().String(), closed
}

// TestStaleConnection: a pooled connection that the receiver has closed makes
// no attempt unknown.
func TestStaleConnection(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	config := certified.TLS.Clone()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	certified.Close()
	for scheme, wrap := range map[string]func(net.Conn) net.Conn{
		"http":  func(c net.Conn) net.Conn { return c },
		"https": func(c net.Conn) net.Conn { return tls.Server(c, config) },
	} {
		t.Run(scheme, func(t *testing.T) {
			addr, hungUp := hangUpServer(t, wrap)
			acct := open(t, newKey, "")
			acct.client.TLSConfig = &tls.Config{RootCAs: roots}
			for i := range 5 {
				v := acct.deliver(t.Context(), sdktest.Attempt(i, sdktest.To(scheme+"://"+addr+"/")))
				if v.String() != "accepted" {
					t.Errorf("attempt %d: %q", i+1, v)
				}
				<-hungUp
			}
		})
	}
}

// TestNoFreeConnection: an attempt that never got a connection has surely not
// been sent.
func TestNoFreeConnection(t *testing.T) {
	sim := receiver(t, webhooksim.Options{})
	acct := open(t, newKey, `, "max_connections_per_host": 1`)
	sim.Fail(webhooksim.Fault{Delay: time.Minute, Times: 1})
	first := make(chan sdk.Verdict, 1)
	go func() { first <- acct.deliver(t.Context(), sdktest.Attempt(1, sdktest.To(sim.URL()))) }()
	for deadline := time.Now().Add(5 * time.Second); sim.Counts().Received == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the first request does not arrive")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if v := acct.deliver(ctx, sdktest.Attempt(2, sdktest.To(sim.URL()))); v.String() != "failed timeout" {
		t.Errorf("without a connection: %q", v)
	}
	if v := <-first; v.String() != "unknown timeout" {
		t.Errorf("without an answer: %q", v)
	}
	if n := sim.Counts().Received; n != 1 {
		t.Errorf("%d requests arrived, want 1", n)
	}
}

// TestBadAnswers are answers that are no HTTP, or break off.
func TestBadAnswers(t *testing.T) {
	for name, x := range map[string]struct{ answer, want string }{
		"no HTTP":               {"220 mail.example ESMTP\r\n\r\n", "unknown bad_answer"},
		"nothing":               {"", "unknown reset"},
		"half a header":         {"HTTP/1.1 200 OK\r\nContent-Le", "unknown reset"},
		"half a body":           {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "unknown bad_answer"},
		"no length":             {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", "accepted"},
		"chunks that break off": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc", "accepted"},
		"a huge header":         {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", "unknown bad_answer"},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = req.Body.Read(make([]byte, 1<<16))
				}
				_, _ = c.Write([]byte(x.answer))
			}()
			v := open(t, newKey, "").deliver(t.Context(), sdktest.Attempt(1, sdktest.To("http://"+listener.Addr().String())))
			if v.String() != x.want {
				t.Errorf("%q, want %q", v, x.want)
			}
		})
	}
}
