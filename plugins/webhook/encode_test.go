package webhook

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	"github.com/carillonhq/carillon/sdk"
)

// message is the body as encoding/json would write it: the oracle.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	ID          string              `json:"id"`
	App         string              `json:"app"`
	Recipient   string              `json:"recipient"`
	Title       string              `json:"title,omitempty"`
	Body        string              `json:"body,omitempty"`
	HTML        string              `json:"html,omitempty"`
	Media       []map[string]string `json:"media,omitempty"`
	Actions     []map[string]string `json:"actions,omitempty"`
	Data        json.RawMessage     `json:"data,omitempty"`
	Class       string              `json:"class,omitempty"`
	Campaign    string              `json:"campaign,omitempty"`
	CollapseKey string              `json:"collapseKey,omitempty"`
	Locale      string              `json:"locale,omitempty"`
	Attempt     uint32              `json:"attempt"`
}

// Whatever the texts hold, a reader finds in the body what it would find in one
// of encoding/json's, and a body can be written exactly if that one can.
func FuzzEncode(f *testing.F) {
	f.Add("hello", "<b>\"quoted\"\\ & more</b>\r\n\t", `{"a": [1, null, "ü"]}`, 0, 0)
	f.Add("\x00\x1f\x7f\u2028", "half a rune: \xc3", ``, 1, 2)
	f.Add("", "", `{"a":1}{}`, 2, 1) // no JSON
	f.Add("título", "日本語", "\xff", 3, 0)
	now := time.Date(2026, 11, 23, 5, 6, 7, 120e6, time.FixedZone("", 3600))
	f.Fuzz(func(t *testing.T, one, two, raw string, media, actions int) {
		a := &sdk.Attempt{
			Id: one, App: two, Recipient: one + two, Data: []byte(raw), Campaign: one, CollapseKey: two, Locale: one, Attempt: 7,
			Class: carillonv1.Class_CLASS_MARKETING, Content: &carillonv1.Content{Title: one, Body: two, Html: one},
		}
		want := message{"a.b", now.UTC(), data{
			one, two, one + two, one, two, one, nil, nil, a.Data, "marketing", one, two, one, 7,
		}}
		for range media & 3 {
			a.Content.Media = append(a.Content.Media, &carillonv1.Media{Kind: one, Url: two, Type: one, Name: two, Alt: one})
			want.Data.Media = append(want.Data.Media, some("kind", one, "url", two, "type", one, "name", two, "alt", one))
		}
		for range actions & 3 {
			a.Content.Actions = append(a.Content.Actions, &carillonv1.Action{Kind: one, Label: two, Url: one, Payload: two})
			want.Data.Actions = append(want.Data.Actions, some("kind", one, "label", two, "url", one, "payload", two))
		}
		got, err := encode("a.b", a, now)
		text, bad := json.Marshal(want)
		if (err != nil) != (bad != nil) {
			t.Fatalf("%v; encoding/json says %v", err, bad)
		}
		if err == nil && !reflect.DeepEqual(parsed(t, got), parsed(t, text)) {
			t.Errorf("%s\nencoding/json has\n%s", got, text)
		}
		if bytes.IndexByte(got, '\n') >= 0 && !bytes.Contains(a.Data, []byte("\n")) {
			t.Error("it is in more than one line")
		}
	})
}

func some(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}

func parsed(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
