package webhooksim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// post sends a message with net/http, signed by the reference implementation.
func post(t *testing.T, s *Server, id, body, with string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	w, err := standardwebhooks.NewWebhook(with)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := w.Sign(id, now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
	req.Header.Set("webhook-signature", signature)
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	return res, err
}

func wantStatus(t *testing.T, res *http.Response, err error, want int) {
	t.Helper()
	if err != nil || res.StatusCode != want {
		t.Errorf("answered %v, %v, want %d", res, err, want)
	}
}

func TestVerifiesAndCounts(t *testing.T) {
	s := start(t, Options{Keys: []string{key}})
	res, err := post(t, s, "m1", `{}`, key)
	wantStatus(t, res, err, 204)
	res, err = post(t, s, "m1", `{}`, key)
	wantStatus(t, res, err, 204)
	res, err = post(t, s, "m2", `{}`, "whsec_"+strings.Repeat("A", 32))
	wantStatus(t, res, err, 401)
	res, err = post(t, s, "m2", `{}`, key) // the refused one does not make it a duplicate
	wantStatus(t, res, err, 204)
	if c := s.Counts(); c != (Counts{Received: 4, Duplicates: 1, Unverified: 1}) {
		t.Errorf("counts %+v", c)
	}
}

func TestRingAndList(t *testing.T) {
	s := start(t, Options{Keep: 3})
	for i := range 5 {
		res, err := post(t, s, fmt.Sprintf("m%d", i), fmt.Sprintf(`{"n": %d}`, i), key)
		wantStatus(t, res, err, 204)
	}
	res, err := http.Get(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var list []struct {
		ID   string
		Body struct{ N int }
	}
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(list) != "[{m2 {2}} {m3 {3}} {m4 {4}}]" {
		t.Errorf("listed %v, want the last three", list)
	}
}

func TestFaults(t *testing.T) {
	s := start(t, Options{})
	s.Fail(Fault{Status: 503, RetryAfter: "7", Times: 2})
	for range 2 {
		res, err := post(t, s, "m1", `{}`, key)
		wantStatus(t, res, err, 503)
		if got := res.Header.Get("Retry-After"); got != "7" {
			t.Errorf("Retry-After %q", got)
		}
	}
	res, err := post(t, s, "m1", `{}`, key)
	wantStatus(t, res, err, 204)
	s.Fail(Fault{Drop: true})
	if _, err := post(t, s, "m2", `not JSON`, key); !errors.Is(err, io.EOF) {
		t.Errorf("hung up with %v, want EOF", err)
	}
	s.Fail(Fault{})
	last := s.Received()[3]
	if last.ID != "m2" || last.Status != 0 || last.Body != nil || string(last.Raw) != "not JSON" {
		t.Errorf("kept %+v", last)
	}
}

func TestBadKeys(t *testing.T) {
	for _, k := range []string{"whpk_AAAA", "whsec_!"} {
		if _, err := Start("127.0.0.1:0", Options{Keys: []string{k}}); err == nil || strings.Contains(err.Error(), k) {
			t.Errorf("key %q: %v, want it refused and not shown", k, err)
		}
	}
}
