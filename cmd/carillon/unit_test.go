package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/engine/intake"
	"github.com/carillonhq/carillon/engine/kafka"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// What `printf %s ana@example.com | sha256sum | cut -c1-32` prints: the
// documentation says that it can be made by anybody.
func TestRecipientID(t *testing.T) {
	if got, want := recipientID("ana@example.com"), "8e43ca37701228e74983efdbd0cff5c1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		name string
		to   []string
		want *carillonv1.Recipient // nil: refused
	}{
		{"a mailbox", []string{"ana@example.com"}, &carillonv1.Recipient{Email: "ana@example.com"}},
		{"a phone", []string{"+351912345678"}, &carillonv1.Recipient{Phone: "+351912345678"}},
		{"a URL, which may have an @", []string{"HTTPS://example.com/@ana"}, &carillonv1.Recipient{Webhook: "HTTPS://example.com/@ana"}},
		{"one of each", []string{"a@b.example", "http://b.example/"}, &carillonv1.Recipient{Email: "a@b.example", Webhook: "http://b.example/"}},
		{"two of a kind", []string{"a@b.example", "c@b.example"}, nil},
		{"a word", []string{"ana"}, nil},
		{"digits without a plus", []string{"912345678"}, nil},
	} {
		got := &carillonv1.Recipient{}
		var err error
		for _, to := range c.to {
			err = errors.Join(err, setAddress(got, to))
		}
		if c.want == nil {
			if err == nil {
				t.Errorf("%s: taken", c.name)
			}
			continue
		}
		if err != nil || got.String() != c.want.String() {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

func TestMoments(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text        string
		ahead, back time.Time // zero: refused
	}{
		{"10m", now.Add(10 * time.Minute), now.Add(-10 * time.Minute)},
		{"2026-11-23T08:00:00+01:00", time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)},
		{"7d", time.Time{}, now.Add(-7 * 24 * time.Hour)},
		{"tomorrow", time.Time{}, time.Time{}},
	} {
		ahead, err := moment("--x", c.text, now)
		if c.ahead.IsZero() != (err != nil) || err == nil && !ahead.AsTime().Equal(c.ahead) {
			t.Errorf("moment(%s) = %v, %v; want %v", c.text, ahead.AsTime(), err, c.ahead)
		}
		back, err := ago("--x", c.text, now)
		if c.back.IsZero() != (err != nil) || err == nil && !back.Equal(c.back) {
			t.Errorf("ago(%s) = %v, %v; want %v", c.text, back, err, c.back)
		}
	}
}

func TestSplitRecords(t *testing.T) {
	for _, c := range []struct {
		name, input string
		want        []string // "line:value"
	}{
		{"nothing", " \n\n", nil},
		{"one per line, with blank lines and CRLF", "{\"a\":1}\r\n\n{\"b\":2}", []string{`1:{"a":1}`, `3:{"b":2}`}},
		{"a broken line among good ones", "{\"a\":\n{\"b\":2}", []string{`1:{"a":`, `2:{"b":2}`}},
		{"a document on many lines", "\n{\n \"a\": 1\n}\n", []string{"2:{\n \"a\": 1\n}"}},
		{"a broken document on many lines", "{\n \"a\" 1\n}\n", []string{"1:{\n \"a\" 1\n}"}},
		{"one broken line", "{", []string{"1:{"}},
	} {
		var got []string
		for _, e := range splitRecords([]byte(c.input)) {
			got = append(got, fmt.Sprintf("%d:%s", e.line, e.value))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	p, ok := parsePlace("carillon.sends/3/41")
	if !ok || p.String() != "carillon.sends/3/41" {
		t.Errorf("got %v, %v", p, ok)
	}
	for _, bad := range []string{"", "3/41", "/3/41", "t/3", "t/-1/4", "t/3/-4", "t/x/4", "t/3/4/5", "t/99999999999/1"} {
		if p, ok := parsePlace(bad); ok {
			t.Errorf("%q is taken for %v", bad, p)
		}
	}
}

// A producer may have written headers that look like the engine's: the
// engine's stand first, its key last, and none of them goes back.
func TestOriginal(t *testing.T) {
	h := func(k, v string) kafka.Header { return kafka.Header{Key: k, Value: []byte(v)} }
	rec, from, err := original(&kafka.Record{Value: []byte("v"), Headers: []kafka.Header{
		h(intake.ReasonHeader, "not_json"), h(intake.SourceHeader, "carillon.sends/2/7"),
		h(intake.ReasonHeader, "mine"), h("x", "y"), h(intake.KeyHeader, "forged"), h(intake.KeyHeader, "u1"),
	}})
	if err != nil || from.String() != "carillon.sends/2/7" || string(rec.Key) != "u1" || string(rec.Value) != "v" {
		t.Fatalf("%+v from %v, %v", rec, from, err)
	}
	if want := []kafka.Header{h("x", "y")}; !reflect.DeepEqual(rec.Headers, want) {
		t.Errorf("headers %v, want %v", rec.Headers, want)
	}
	if _, _, err := original(&kafka.Record{}); err == nil {
		t.Error("a record without a source is taken")
	}
}

func TestEventText(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		e    *carillonv1.Status
		want string
	}{
		{&carillonv1.Status{
			Kind: carillonv1.Kind_KIND_OUTCOME, Status: carillonv1.State_STATE_SENT, Channel: "email", Account: "main", Attempt: 2,
			ProviderMessageId: "42", AcceptedAt: timestamppb.New(at), At: timestamppb.New(at.Add(38 * time.Millisecond)),
		}, "email/main, attempt 2, provider's id 42, after 38ms"},
		{&carillonv1.Status{
			Kind: carillonv1.Kind_KIND_OUTCOME, Status: carillonv1.State_STATE_DUPLICATE,
			Reason: &carillonv1.Reason{Class: "duplicate", Code: "seen"},
		}, "because of duplicate/seen"},
		{&carillonv1.Status{
			Kind: carillonv1.Kind_KIND_PROGRESS, Status: carillonv1.State_STATE_PARKED, Channel: "sms", Account: "a", Attempt: 1,
			Reason: &carillonv1.Reason{Class: "throttle"}, NextAt: timestamppb.New(at),
		}, "sms/a, attempt 1, because of throttle, next at " + at.Local().Format(time.DateTime)},
	} {
		if got := eventText(c.e); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		name               string
		err                error
		began, interrupted bool
		code               int
		said               string
	}{
		{"success", nil, true, false, 0, ""},
		{"failure", errors.New("no broker"), true, false, 1, "x: no broker\n"},
		{"what cobra refuses", errors.New("unknown flag"), false, false, 2, "x: unknown flag\nRun 'x --help' for usage and examples.\n"},
		{"wrong usage that the command finds", fmt.Errorf("a: %w", usagef("no such thing")), true, false, 2, "x: no such thing\nRun 'x --help' for usage and examples.\n"},
		{"all has been said", errSaid, true, false, 1, ""},
		{"a timeout", &exit{codeTimeout, errors.New("late")}, true, false, 3, "x: late\n"},
		{"Ctrl-C", fmt.Errorf("read: %w", context.Canceled), true, true, 130, "x: interrupted\n"},
		{"a request that was given up", fmt.Errorf("read: %w", context.Canceled), true, false, 1, "x: read: context canceled\n"},
	} {
		var out bytes.Buffer
		if code := conclude(&out, "x", c.began, c.interrupted, c.err); code != c.code || out.String() != c.said {
			t.Errorf("%s: %d %q, want %d %q", c.name, code, out.String(), c.code, c.said)
		}
	}
}

// Dev mode runs what configs/dev.yaml shows, but for where things are.
func TestDevConfig(t *testing.T) {
	want, err := config.Load("../../configs/dev.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := devConfig(devFlags{data: want.Data, broker: want.Kafka.Brokers[0], http: want.HTTP.Listen}, "127.0.0.1:2525", "/key")
	got.Channels["webhook"].Accounts["local"].Secrets["signing_key"] = want.Channels["webhook"].Accounts["local"].Secrets["signing_key"]
	for name, ch := range want.Channels {
		for account, a := range ch.Accounts {
			if g := got.Channels[name].Accounts[account]; string(g.SettingsJSON()) != string(a.SettingsJSON()) {
				t.Errorf("%s/%s: settings %s, want %s", name, account, g.SettingsJSON(), a.SettingsJSON())
			}
			a.Settings = got.Channels[name].Accounts[account].Settings // 2525 is a number of another type in YAML
			ch.Accounts[account] = a
		}
	}
	if !reflect.DeepEqual(got.Channels, want.Channels) {
		t.Errorf("channels %+v, want %+v", got.Channels, want.Channels)
	}
	got.Channels, want.Channels = nil, nil
	for _, part := range []struct{ got, want any }{
		{got.Kafka, want.Kafka}, {got.Data, want.Data}, {got.HTTP, want.HTTP}, {got.Log, want.Log},
		{got.Limits, want.Limits}, {got.Engine, want.Engine}, {got.Status, want.Status},
	} {
		if !reflect.DeepEqual(part.got, part.want) {
			t.Errorf("got %+v, want %+v", part.got, part.want)
		}
	}
}

// The key outlives a restart, so that a parked webhook is still verified.
func TestDevKey(t *testing.T) {
	dir := t.TempDir()
	file, key, err := devKey(dir, "webhook-signing-key", "whsec_", "signs")
	if err != nil || !strings.HasPrefix(key, "whsec_") || file != filepath.Join(dir, "webhook-signing-key") {
		t.Fatalf("%s, %v", file, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: others can read it", info.Mode(), err)
	}
	if _, again, err := devKey(dir, "webhook-signing-key", "whsec_", "signs"); again != key || err != nil {
		t.Errorf("another key the second time, %v", err)
	}
}

func TestLatest(t *testing.T) {
	at := func(s int64) refused { return refused{At: time.Unix(s, 0)} }
	if got := latest([]refused{at(3), at(1), at(2)}, 2); !reflect.DeepEqual(got, []refused{at(2), at(3)}) {
		t.Errorf("got %v", got)
	}
	if got := latest([]refused{at(2), at(1)}, 0); !reflect.DeepEqual(got, []refused{at(1), at(2)}) {
		t.Errorf("got %v", got)
	}
}
