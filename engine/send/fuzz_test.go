package send_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// FuzzDecodeJSON compares with encoding/json: what it refuses, we refuse; what
// we take, it reads to the same values.
func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(shop))
	f.Add(send.AppendSendJSON(nil, full()))
	for _, c := range invalid {
		if len(c.value) < 64<<10 {
			f.Add([]byte(c.value))
		}
	}
	for _, text := range []string{
		with(`"data":{"n":[0,-0,1e400,-1E-400,123456789012345678901234567890,0.1e+2]}`),
		with(`"data": {"\ud83c\udf89":"\u0000\"\\\/\b\f\n\r\t"} `),
		with(`"content":{"body":"\ud83c\udf89 \u00e9 \u2028"}`),
		with(`"metadata":{},"channels":[],"content":{"media":[],"actions":[]}`),
		"\t{\r\n" + with(`"x":[[[{}]]]`)[1:] + "\n ",
		`{"\u0069d":"1","app":"a","to":{"id":"u"}}`,
		with(`"sendAt":"2026-11-22T10:00:00.123456789+05:45"`),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		s, _, err := send.Decode(send.Record{Value: value}, send.DefaultLimits())
		if err != nil {
			var invalid *send.Invalid
			if !errors.As(err, &invalid) || invalid.Code == "" {
				t.Fatalf("not an Invalid: %v", err)
			}
			return
		}
		if !json.Valid(value) || !utf8.Valid(value) {
			t.Fatalf("took what encoding/json refuses: %q", value)
		}
		compare(t, s, value)
	})
}

// compare reads the value again, slowly, and compares field by field.
func compare(t *testing.T, s *carillonv1.Send, value []byte) {
	t.Helper()
	want := members(t, value)
	recipient := members(t, want["to"])
	content := map[string]json.RawMessage{}
	if raw := want["content"]; len(raw) > 0 && string(raw) != "null" {
		content = members(t, raw)
	}
	for _, c := range []struct {
		got  string
		from map[string]json.RawMessage
		name string
	}{
		{s.Id, want, "id"}, {s.App, want, "app"}, {s.Campaign, want, "campaign"},
		{s.CollapseKey, want, "collapseKey"}, {s.OrderingKey, want, "orderingKey"},
		{s.To.Id, recipient, "id"}, {s.To.Email, recipient, "email"}, {s.To.Phone, recipient, "phone"},
		{s.To.Webhook, recipient, "webhook"}, {s.To.Locale, recipient, "locale"}, {s.To.TimeZone, recipient, "timeZone"},
		{s.Content.GetTitle(), content, "title"}, {s.Content.GetBody(), content, "body"}, {s.Content.GetHtml(), content, "html"},
	} {
		if text := slow[string](t, c.from, c.name); text != c.got {
			t.Fatalf("%s: got %q, want %q", c.name, c.got, text)
		}
	}
	if got := slow[bool](t, want, "testMode"); got != s.TestMode {
		t.Fatalf("testMode: got %t", s.TestMode)
	}
	if got := slow[[]string](t, want, "channels"); strings.Join(got, "\x00") != strings.Join(s.Channels, "\x00") {
		t.Fatalf("channels: got %q, want %q", s.Channels, got)
	}
	if raw := pick(want, "data"); string(raw) != "null" && !bytes.Equal(raw, s.Data) {
		t.Fatalf("data: got %q, want %q", s.Data, raw)
	}
	comparePairs(t, "metadata", s.Metadata, slow[map[string]string](t, want, "metadata"))
	comparePairs(t, "chat", s.To.Chat, slow[map[string]string](t, recipient, "chat"))
	for _, name := range []string{"sendAt", "expiresAt"} {
		got := s.SendAt
		if name == "expiresAt" {
			got = s.ExpiresAt
		}
		if at := slow[*time.Time](t, want, name); (at == nil) != (got == nil) || at != nil && !at.Equal(got.AsTime()) {
			t.Fatalf("%s: got %v, want %v", name, got, at)
		}
	}
}

func comparePairs(t *testing.T, name string, got []*carillonv1.Pair, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %v, want %v", name, got, want)
	}
	for _, p := range got {
		if v, ok := want[p.Key]; !ok || v != p.Value {
			t.Fatalf("%s: got %v, want %v", name, got, want)
		}
	}
}

func members(t *testing.T, value []byte) (m map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(value, &m); err != nil {
		t.Fatalf("encoding/json: %v: %q", err, value)
	}
	return m
}

// pick finds a member in either spelling.
func pick(m map[string]json.RawMessage, name string) json.RawMessage {
	if raw, ok := m[name]; ok {
		return raw
	}
	return m[snakeCase(name)]
}

func snakeCase(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func slow[T any](t *testing.T, m map[string]json.RawMessage, name string) (v T) {
	t.Helper()
	if raw := pick(m, name); raw != nil {
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("encoding/json: %s: %v: %q", name, err, raw)
		}
	}
	return v
}

// FuzzDecode looks for panics: any bytes in any format.
func FuzzDecode(f *testing.F) {
	value, err := full().MarshalVT()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value, "application/x-protobuf", "")
	f.Add([]byte(`{"specversion":"1.0","type":"com.carillon.send.v1","data":`+shop+`}`), "application/cloudevents+json", "")
	f.Add([]byte(shop), "application/json", "1.0")
	f.Fuzz(func(t *testing.T, value []byte, contentType, version string) {
		h := headers("content-type", contentType)
		if version != "" {
			h = append(h, headers("ce_specversion", version, "ce_type", send.EventType)...)
		}
		s, _, err := send.Decode(send.Record{Value: value, Headers: h}, send.DefaultLimits())
		if err == nil {
			if err := send.Validate(s); err != nil {
				t.Fatalf("decoded and not valid: %v", err)
			}
		}
		_, _ = send.ParseStatus(value, h)
	})
}
