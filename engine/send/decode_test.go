package send_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// headers makes headers of name, value, name, value…
func headers(pairs ...string) (h []send.Header) {
	for i := 0; i < len(pairs); i += 2 {
		h = append(h, send.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return h
}

func decodeJSON(text string, h ...string) (*carillonv1.Send, send.Notes, error) {
	return send.Decode(send.Record{Value: []byte(text), Headers: headers(h...)}, send.DefaultLimits())
}

// full is the send that has every field.
func full() *carillonv1.Send {
	return &carillonv1.Send{
		Id: "order-1", App: "shop", Channels: []string{"push", "email"},
		To: &carillonv1.Recipient{
			Id: "u1", Email: "ana@example.com", Phone: "+351912345678", Webhook: "https://example.com/hook",
			Push:   []*carillonv1.PushToken{{Token: "t1", Platform: "apns"}, {Token: "https://push.example.com/1", Platform: "webpush", P256Dh: "BA", Auth: "AA"}},
			Chat:   []*carillonv1.Pair{{Key: "telegram", Value: "12345"}, {Key: "slack", Value: "U1"}},
			Locale: "pt-PT", TimeZone: "Europe/Lisbon",
		},
		Content: &carillonv1.Content{
			Title: "Olá \"Ana\"", Body: "line\nline\ttab \\ 🎉", Html: "<p>Olá</p>",
			Media:   []*carillonv1.Media{{Kind: "image", Url: "https://example.com/a.png", Type: "image/png", Name: "a.png", Alt: "A"}},
			Actions: []*carillonv1.Action{{Kind: "url", Label: "Open", Url: "https://example.com"}, {Kind: "reply", Label: "Yes", Payload: "yes"}},
		},
		Data: []byte(`{"order": 17, "lines": [1, 2.5e3, null, true]}`), Class: carillonv1.Class_CLASS_MARKETING,
		Campaign: "spring", CollapseKey: "c", OrderingKey: "o",
		SendAt:    timestamppb.New(time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)),
		ExpiresAt: timestamppb.New(time.Date(2026, 11, 23, 9, 30, 0, 5e8, time.UTC)),
		Metadata:  []*carillonv1.Pair{{Key: "k", Value: "v"}, {Key: "empty"}},
		TestMode:  true, Traceparent: traceparent, Tracestate: "vendor=1",
	}
}

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestDecodeEveryFormat(t *testing.T) {
	want := full()
	asJSON := send.AppendSendJSON(nil, want)
	asProtobuf, err := want.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	event := `{"specversion":"1.0","type":"com.carillon.send.v1","source":"/orders","id":"e1",`
	cases := []struct {
		name    string
		value   []byte
		headers []send.Header
		format  send.Format
	}{
		{"JSON without headers", asJSON, nil, send.JSON},
		{"JSON by its content type", asJSON, headers("content-type", "application/json; charset=utf-8"), send.JSON},
		{"header names and media types have no case", asJSON, headers("Content-Type", "Application/JSON"), send.JSON},
		{"protobuf", asProtobuf, headers("content-type", "application/x-protobuf"), send.Protobuf},
		{"protobuf by the registered type", asProtobuf, headers("content-type", "application/protobuf"), send.Protobuf},
		{"protobuf by our own type", asProtobuf, headers("content-type", "application/vnd.carillon.send+protobuf"), send.Protobuf},
		{"CloudEvents structured", []byte(event + `"data":` + string(asJSON) + `}`),
			headers("content-type", "application/cloudevents+json; charset=UTF-8"), send.CloudEventsStructured},
		{"CloudEvents structured, JSON in base64", []byte(event + `"data_base64":"` + base64.StdEncoding.EncodeToString(asJSON) + `"}`),
			headers("content-type", "application/cloudevents+json"), send.CloudEventsStructured},
		{"CloudEvents structured, protobuf in base64", []byte(event + `"datacontenttype":"application/protobuf","data_base64":"` + base64.StdEncoding.EncodeToString(asProtobuf) + `"}`),
			headers("content-type", "application/cloudevents+json"), send.CloudEventsStructured},
		{"CloudEvents binary, JSON", asJSON,
			headers("ce_specversion", "1.0", "ce_type", "com.carillon.send.v1", "ce_id", "e1", "content-type", "application/json"), send.CloudEventsBinaryJSON},
		{"CloudEvents binary, protobuf", asProtobuf,
			headers("ce_specversion", "1.0", "ce_type", "com.carillon.send.v1", "ce_id", "e1", "content-type", "application/protobuf"), send.CloudEventsBinaryProtobuf},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, notes, err := send.Decode(send.Record{Value: c.value, Headers: c.headers}, send.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if notes.Format != c.format || len(notes.NearMisses) > 0 {
				t.Errorf("notes %+v, want format %s", notes, c.format)
			}
			if !proto.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestDecodeSnakeCaseNullsAndDefaults(t *testing.T) {
	got, notes, err := decodeJSON(`{"id":"1","app":"a","to":{"id":"u","time_zone":"UTC","email":null},"collapse_key":"c",
		"ordering_key":"o","send_at":"2026-01-01T00:00:00+01:00","expires_at":null,"test_mode":false,"content":null,"extra":{"a":[{}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got.Class != carillonv1.Class_CLASS_TRANSACTIONAL || got.To.TimeZone != "UTC" || got.CollapseKey != "c" || got.OrderingKey != "o" {
		t.Errorf("got %v", got)
	}
	if got.ExpiresAt != nil || got.Content != nil || !got.SendAt.AsTime().Equal(time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("got %v", got)
	}
	if len(notes.NearMisses) != 0 {
		t.Errorf("near misses %q", notes.NearMisses)
	}
}

func TestDecodeNearMisses(t *testing.T) {
	_, notes, err := decodeJSON(`{"id":"1","app":"a","to":{"id":"u","emial":"x","phones":"y","nick":"z"},"expiresat":"2026-01-01T00:00:00Z",
		"Collapse-Key":"c","chanels":["x"],"dat":1,"content":{"boddy":"b"},"data":{"emial":1},"unrelated":1}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"to.emial",     // two letters swapped
		"to.phones",    // one added
		"expiresat",    // another case
		"Collapse-Key", // another separator
		"chanels",      // one dropped
		// "boddy" is not: names as short as "body" are too close to others.
	}
	if strings.Join(notes.NearMisses, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", notes.NearMisses)
	}
}

func TestDecodeCloudEventID(t *testing.T) {
	const binary = `{"app":"a","to":{"id":"u"}}`
	got, _, err := decodeJSON(binary, "ce_specversion", "1.0", "ce_type", "com.carillon.send.v1", "ce_id", "event-7")
	if err != nil || got.Id != "event-7" {
		t.Errorf("binary: id %q, %v", got.GetId(), err)
	}
	got, _, err = decodeJSON(`{"data":`+binary+`,"specversion":"1.0","type":"com.carillon.send.v1","id":"event-8","traceparent":"`+traceparent+`"}`,
		"content-type", "application/cloudevents+json")
	if err != nil || got.Id != "event-8" || got.Traceparent != traceparent {
		t.Errorf("structured: %v, %v", got, err)
	}
}

func TestDecodeTrace(t *testing.T) {
	const plain = `{"id":"1","app":"a","to":{"id":"u"}}`
	const other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	cases := []struct {
		name          string
		text          string
		headers       []string
		parent, state string
	}{
		{"from the headers", plain, []string{"traceparent", traceparent, "tracestate", "a=1"}, traceparent, "a=1"},
		{"the send's own wins", `{"id":"1","app":"a","to":{"id":"u"},"traceparent":"` + other + `"}`, []string{"traceparent", traceparent, "tracestate", "a=1"}, other, ""},
		{"a broken one gives way", `{"id":"1","app":"a","to":{"id":"u"},"traceparent":"\n"}`, []string{"traceparent", traceparent}, traceparent, ""},
		{"all zeros are no id", plain, []string{"traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"}, "", ""},
		{"version ff is none", plain, []string{"traceparent", "ff" + traceparent[2:]}, "", ""},
		{"version 00 has no more parts", plain, []string{"traceparent", traceparent + "-x"}, "", ""},
		{"a later version may have more", plain, []string{"traceparent", "01" + traceparent[2:] + "-x"}, "01" + traceparent[2:] + "-x", ""},
		{"upper case is refused", plain, []string{"traceparent", strings.ToUpper(traceparent)}, "", ""},
		{"a broken state is dropped alone", plain, []string{"traceparent", traceparent, "tracestate", "a\nb"}, traceparent, ""},
		{"the CloudEvents extension", plain, []string{"ce_traceparent", traceparent}, traceparent, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := decodeJSON(c.text, c.headers...)
			if err != nil || got.Traceparent != c.parent || got.Tracestate != c.state {
				t.Errorf("got %q %q, %v", got.GetTraceparent(), got.GetTracestate(), err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	if err := send.Validate(full()); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, code, path string
		spoil            func(*carillonv1.Send)
	}{
		{"data that is no object", send.CodeWrongType, "data", func(s *carillonv1.Send) { s.Data = []byte(`[]`) }},
		{"data that is no JSON", send.CodeNotJSON, "data", func(s *carillonv1.Send) { s.Data = []byte(`{]`) }},
		{"nanoseconds out of range", send.CodeBadValue, "sendAt", func(s *carillonv1.Send) { s.SendAt.Nanos = -1 }},
		{"a class of a later version", send.CodeBadValue, "class", func(s *carillonv1.Send) { s.Class = 9 }},
		{"text that is not UTF-8", send.CodeInvalidUTF8, "content.body", func(s *carillonv1.Send) { s.Content.Body = "\xff" }},
		{"an empty element", send.CodeMissing, "to.push[1]", func(s *carillonv1.Send) { s.To.Push[1] = nil }},
		{"a map key that is there twice", send.CodeDuplicateField, "metadata", func(s *carillonv1.Send) { s.Metadata[1].Key = "k" }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := full()
			c.spoil(s)
			var invalid *send.Invalid
			if err := send.Validate(s); !errors.As(err, &invalid) || invalid.Code != c.code || invalid.Path != c.path {
				t.Errorf("got %v, want %s at %s", err, c.code, c.path)
			}
		})
	}
}
