package webhook

import (
	"bytes"
	"encoding/json"
	"time"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	"github.com/carillonhq/carillon/sdk"
)

// message is the body of a request: the envelope of Standard Webhooks.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	ID          string          `json:"id"`
	App         string          `json:"app"`
	Recipient   string          `json:"recipient"`
	Title       string          `json:"title,omitempty"`
	Body        string          `json:"body,omitempty"`
	HTML        string          `json:"html,omitempty"`
	Media       []media         `json:"media,omitempty"`
	Actions     []action        `json:"actions,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
	Class       string          `json:"class,omitempty"`
	Campaign    string          `json:"campaign,omitempty"`
	CollapseKey string          `json:"collapseKey,omitempty"`
	Locale      string          `json:"locale,omitempty"`
	Attempt     uint32          `json:"attempt"`
}

type media struct {
	Kind string `json:"kind,omitempty"`
	URL  string `json:"url,omitempty"`
	Type string `json:"type,omitempty"`
	Name string `json:"name,omitempty"`
	Alt  string `json:"alt,omitempty"`
}

type action struct {
	Kind    string `json:"kind,omitempty"`
	Label   string `json:"label,omitempty"`
	URL     string `json:"url,omitempty"`
	Payload string `json:"payload,omitempty"`
}

// encode makes the body. Its error is that of data that is no JSON.
func encode(eventType string, a *sdk.Attempt, now time.Time) ([]byte, error) {
	m := message{Type: eventType, Timestamp: now.UTC().Truncate(time.Millisecond), Data: data{
		ID: a.Id, App: a.App, Recipient: a.Recipient,
		Title: a.Content.GetTitle(), Body: a.Content.GetBody(), HTML: a.Content.GetHtml(),
		Data: a.Data, Class: classes[a.Class], Campaign: a.Campaign, CollapseKey: a.CollapseKey,
		Locale: a.Locale, Attempt: a.Attempt,
	}}
	for _, x := range a.Content.GetMedia() {
		m.Data.Media = append(m.Data.Media, media{x.Kind, x.Url, x.Type, x.Name, x.Alt})
	}
	for _, x := range a.Content.GetActions() {
		m.Data.Actions = append(m.Data.Actions, action{x.Kind, x.Label, x.Url, x.Payload})
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // a body is read by programs
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

var classes = map[carillonv1.Class]string{
	carillonv1.Class_CLASS_TRANSACTIONAL: "transactional",
	carillonv1.Class_CLASS_MARKETING:     "marketing",
}
