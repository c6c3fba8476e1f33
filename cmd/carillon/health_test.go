package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A node that listens at all addresses is asked at this machine's own; what is
// not 200 is an error that has the node's words.
func TestAskNode(t *testing.T) {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			_, _ = w.Write([]byte("ok\n"))
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"faults":["kafka: connecting"],"ready":false}`))
		default:
			<-r.Context().Done()
		}
	}))
	defer node.Close()
	_, port, _ := strings.Cut(node.Listener.Addr().String(), ":")
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "", "[::]"} {
		if said, err := askNode(t.Context(), host+":"+port, "/healthz"); err != nil || said != "ok\n" {
			t.Errorf("at %q: %q, %v", host, said, err)
		}
	}
	if _, err := askNode(t.Context(), ":"+port, "/readyz"); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: {\"faults\":[\"kafka: connecting\"]") {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := askNode(short, ":"+port, "/hangs"); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Error(err)
	}
	for _, address := range []string{"here", "", "::1"} {
		if _, err := askNode(t.Context(), address, "/healthz"); err == nil || !strings.Contains(err.Error(), "no host and port") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
