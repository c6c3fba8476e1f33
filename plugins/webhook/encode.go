package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	"github.com/carillonhq/carillon/sdk"
)

// encode makes the body: the envelope of Standard Webhooks. It is written
// without encoding/json, which takes as long as the request's system calls. The
// error is that of data that is no JSON.
func encode(eventType string, a *sdk.Attempt, now time.Time) ([]byte, error) {
	if len(a.Data) > 0 && !json.Valid(a.Data) {
		return nil, errors.New("the data is no JSON")
	}
	c := a.Content
	b := make(body, 0, 512+len(c.GetBody())+len(c.GetHtml())+len(a.Data))
	b = append(b, '{').text("type", eventType).name("timestamp")
	b = append(now.UTC().Truncate(time.Millisecond).AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	b = append(b.name("data"), '{').text("id", a.Id).text("app", a.App).text("recipient", a.Recipient)
	b = b.some("title", c.GetTitle()).some("body", c.GetBody()).some("html", c.GetHtml())
	b = b.media(c.GetMedia()).actions(c.GetActions())
	if len(a.Data) > 0 {
		b = append(b.name("data"), a.Data...)
	}
	b = b.some("class", classes[a.Class]).some("campaign", a.Campaign)
	b = b.some("collapseKey", a.CollapseKey).some("locale", a.Locale).name("attempt")
	return append(strconv.AppendUint(b, uint64(a.Attempt), 10), "}}"...), nil
}

// body is JSON that is being written. Its methods append a member, after what is
// there already.
type body []byte

// name begins a member.
func (b body) name(key string) body {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(append(append(b, '"'), key...), `":`...)
}

func (b body) text(key, value string) body { return b.name(key).quoted(value) }

// some leaves out a text that is empty.
func (b body) some(key, value string) body {
	if value == "" {
		return b
	}
	return b.text(key, value)
}

func (b body) media(all []*carillonv1.Media) body {
	for i, m := range all {
		b = append(b.next(i, "media"), '{').some("kind", m.Kind).some("url", m.Url).some("type", m.Type)
		b = append(b.some("name", m.Name).some("alt", m.Alt), '}')
	}
	return b.end(len(all))
}

func (b body) actions(all []*carillonv1.Action) body {
	for i, a := range all {
		b = append(b.next(i, "actions"), '{').some("kind", a.Kind).some("label", a.Label)
		b = append(b.some("url", a.Url).some("payload", a.Payload), '}')
	}
	return b.end(len(all))
}

// next begins the ith element of a list; the first begins the list.
func (b body) next(i int, key string) body {
	if i == 0 {
		return append(b.name(key), '[')
	}
	return append(b, ',')
}

// end ends a list of n elements; one of none was never begun.
func (b body) end(n int) body {
	if n == 0 {
		return b
	}
	return append(b, ']')
}

func (b body) quoted(s string) body {
	if asItIs(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // a body is read by programs
	_ = enc.Encode(s)        // a string has no error
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// asItIs says whether JSON needs nothing escaped in s.
func asItIs(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return utf8.ValidString(s)
}

var classes = map[carillonv1.Class]string{
	carillonv1.Class_CLASS_TRANSACTIONAL: "transactional",
	carillonv1.Class_CLASS_MARKETING:     "marketing",
}
