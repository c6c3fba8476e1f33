package sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
)

// TestSecretIsNeverShown prints one in every way that a plugin's author might
// by mistake, in fields that fmt may not call methods of as well.
func TestSecretIsNeverShown(t *testing.T) {
	secret := sdk.NewSecret("hunter2")
	hidden := struct {
		Name string
		key  sdk.Secret
		keys map[string]sdk.Secret
	}{"a", secret, map[string]sdk.Secret{"k": secret}}
	config := sdk.AccountConfig{Name: "a", Secrets: hidden.keys}
	for _, x := range []any{secret, &secret, []sdk.Secret{secret}, hidden, &hidden, config, &config} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			if text := fmt.Sprintf(verb, x); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
				t.Errorf("%s of %T shows it: %s", verb, x, text)
			}
		}
		encoded, err := json.Marshal(x)
		if err != nil || strings.Contains(string(encoded), "hunter2") {
			t.Errorf("JSON of %T: %s, %v", x, encoded, err)
		}
	}
	if err := fmt.Errorf("open with %v: %w", secret, errors.New("x")); strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	if secret.Reveal() != "hunter2" || (sdk.Secret{}).Reveal() != "" || fmt.Sprint(sdk.Secret{}) != "[redacted]" {
		t.Error("Reveal does not return the value, or the zero value is something else than none")
	}
}

func TestVerdictString(t *testing.T) {
	for want, v := range map[string]sdk.Verdict{
		"unknown":                         {},
		"unknown timeout":                 sdk.Unknown("timeout"),
		"accepted":                        sdk.Accepted("id-1"),
		"delivered":                       sdk.Delivered("id-1"),
		"failed refused":                  sdk.Failed("refused"),
		"rejected recipient 5.1.1":        sdk.Rejected(sdk.Recipient, "5.1.1"),
		"rejected message":                sdk.Rejected(sdk.Message, ""),
		"rejected credential 401":         sdk.Rejected(sdk.Credential, "401"),
		"rejected policy 550":             sdk.Rejected(sdk.Policy, "550"),
		"throttled":                       sdk.Throttled(0, "", ""),
		"throttled 1m30s limit=topic 429": sdk.Throttled(90*time.Second, "topic", "429"),
		"9 77 x":                          sdk.VerdictOf(&channelv1.Result{Verdict: 9, Class: 77, Code: "x"}), // of a later version
	} {
		if got := v.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDecode(t *testing.T) {
	type settings struct {
		Host string       `json:"host"`
		Port int          `json:"port"`
		Wait sdk.Duration `json:"wait"`
		TLS  struct {
			Mode string `json:"mode"`
		} `json:"tls"`
		Headers map[string]string `json:"headers"`
		hidden  string            //nolint:unused // what is not exported is no setting
	}
	for _, x := range []struct{ settings, want string }{
		{``, ""},
		{`{}`, ""},
		{`{"host": "a", "port": 25, "wait": "1.5s", "tls": {"mode": "on"}, "headers": {"any": "name"}}`, ""},
		{`{"prot": 25}`, "prot: is no setting of this channel; known here: headers, host, port, tls, wait"},
		{`{"hidden": "x"}`, "hidden: is no setting of this channel; known here: headers, host, port, tls, wait"},
		{`{"Host": "x"}`, "Host: is no setting of this channel; known here: headers, host, port, tls, wait"}, // by its exact name
		{`{"tls": {"mood": "on"}}`, "tls.mood: is no setting of this channel; known here: mode"},
		{`{"tls": "on"}`, "tls: must be a JSON object"},
		{`{"port": "25"}`, "port: is a string, must be a int"},
		{`{"wait": 5}`, `wait: must be a duration in quotes, such as "30s"`},
		{`{"wait": "5"}`, `wait: must be a duration such as "1.5s", "250ms" or "2m"`},
		// All at once, in the order of their names.
		{`{"port": "x", "a": 1}`, "a: is no setting of this channel; known here: headers, host, port, tls, wait; port: is a string, must be a int"},
		{`[]`, "must be a JSON object"},
		{`{"host": `, "must be a JSON object"},
	} {
		s := settings{Port: 587}
		err := sdk.AccountConfig{Settings: []byte(x.settings)}.Decode(&s)
		var faults sdk.Faults
		switch {
		case x.want == "" && err != nil, x.want != "" && (!errors.As(err, &faults) || err.Error() != x.want):
			t.Errorf("%s: %v, want %q", x.settings, err, x.want)
		case x.settings == `{}` && s.Port != 587:
			t.Errorf("the default is overwritten with %d", s.Port)
		}
	}
}

func TestFaults(t *testing.T) {
	var f sdk.Faults
	f.Add(true, "a", "is wrong")
	if f.Err() != nil {
		t.Error("faults where there are none")
	}
	f.Add(false, "b.c", "is wrong")
	f.Add(false, "", "all is wrong")
	if err := f.Err(); err == nil || err.Error() != "b.c: is wrong; all is wrong" {
		t.Error(err)
	}
}

// gather returns a batch of n and where its verdicts go.
func gather(n int) (*sdk.Batch, []string) {
	verdicts := make([]string, n)
	var mu sync.Mutex
	attempts := make([]*sdk.Attempt, n)
	for i := range attempts {
		attempts[i] = &sdk.Attempt{Token: uint64(i)}
	}
	return sdk.NewBatch(attempts, func(i int, v sdk.Verdict) {
		mu.Lock()
		defer mu.Unlock()
		verdicts[i] += v.String()
	}), verdicts
}

// TestEachIsBounded: ten calls of a second, three at once, take four seconds.
func TestEachIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, x := range []struct {
			workers int
			want    time.Duration
		}{{3, 4 * time.Second}, {1, 10 * time.Second}, {0, 10 * time.Second}, {100, time.Second}} {
			b, verdicts := gather(10)
			began := time.Now()
			sdk.Each(t.Context(), b, x.workers, func(context.Context, *sdk.Attempt) sdk.Verdict {
				time.Sleep(time.Second)
				return sdk.Accepted("")
			})
			if took := time.Since(began); took != x.want || slices.ContainsFunc(verdicts, func(v string) bool { return v != "accepted" }) {
				t.Errorf("%d workers: %v after %v, want 10 accepted after %v", x.workers, verdicts, took, x.want)
			}
		}
	})
}

func TestEachKeepsDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, verdicts := gather(4)
		now := time.Now()
		b.Attempts[0].DeadlineMs = now.Add(3 * time.Second).UnixMilli()
		b.Attempts[1].DeadlineMs = now.Add(time.Second).UnixMilli() // over while it waits for the first
		b.Attempts[3].DeadlineMs = now.Add(time.Hour).UnixMilli()
		sdk.Each(t.Context(), b, 1, func(ctx context.Context, a *sdk.Attempt) sdk.Verdict {
			switch deadline, ok := ctx.Deadline(); {
			case ok != (a.DeadlineMs != 0), ok && deadline.UnixMilli() != a.DeadlineMs:
				t.Errorf("deadline %v, want %d", deadline, a.DeadlineMs)
			case a.Token == 3:
				panic("as a bug would")
			}
			time.Sleep(2 * time.Second)
			return sdk.Accepted("")
		})
		if want := []string{"accepted", "failed deadline", "accepted", "unknown panic"}; !slices.Equal(verdicts, want) {
			t.Errorf("%q, want %q", verdicts, want)
		}
	})
}
