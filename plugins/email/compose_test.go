package email

import (
	"bytes"
	"io"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

const someSettings = `{
	"host": "127.0.0.1", "tls": {"mode": "none"},
	"from": {"address": "news@shop.example", "name": "Shöp, \"the\" one"}, "reply_to": "help@shop.example",
	"list_unsubscribe": {
		"url": "https://u.shop.example/u/{app}/{recipient}?c={campaign}&m={id}",
		"mailto": "mailto:u@shop.example?subject={id}", "one_click": true
	}
}`

func configFor(t *testing.T, settings string, secrets ...string) *config {
	t.Helper()
	a := sdk.AccountConfig{Name: "default", Settings: []byte(settings), Secrets: map[string]sdk.Secret{}}
	for i := 0; i < len(secrets); i += 2 {
		a.Secrets[secrets[i]] = sdk.NewSecret(secrets[i+1])
	}
	c, err := newConfig(a)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// unstuffed is the mail as a server keeps it.
func (m *message) unstuffed() []byte {
	raw := bytes.TrimSuffix(m.wire, []byte(".\r\n"))
	return bytes.ReplaceAll(raw, []byte("\r\n.."), []byte("\r\n."))
}

// read parses the mail with enmime, which must find nothing wrong with it, and
// with net/mail.
func read(t *testing.T, m *message) (*enmime.Envelope, *mail.Message) {
	t.Helper()
	e, err := enmime.ReadEnvelope(bytes.NewReader(m.unstuffed()))
	if err != nil || len(e.Errors) > 0 {
		t.Fatalf("enmime: %v %v\n%s", err, e.Errors, m.wire)
	}
	plain, err := mail.ReadMessage(bytes.NewReader(m.unstuffed()))
	if err != nil {
		t.Fatalf("net/mail: %v\n%s", err, m.wire)
	}
	return e, plain
}

func attemptTo(to string, changes ...func(*sdk.Attempt)) *sdk.Attempt {
	return sdktest.Attempt(0, append([]func(*sdk.Attempt){sdktest.To(to)}, changes...)...)
}

func content(c *carillonv1.Content) func(*sdk.Attempt) {
	return func(a *sdk.Attempt) { a.Content = c }
}

func campaign(a *sdk.Attempt) {
	a.Class, a.Campaign = carillonv1.Class_CLASS_MARKETING, "spring 26"
	a.Id, a.Recipient = "m/1&2", "ana@x"
}

func TestComposeTransactional(t *testing.T) {
	c := configFor(t, someSettings)
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	m, err := c.compose(attemptTo("ana@bücher.example", content(&carillonv1.Content{Title: "Olá, Ana! " + strings.Repeat("长", 60), Body: "Olá\n.dot\nend"})), now)
	if err != nil {
		t.Fatal(err)
	}
	e, plain := read(t, m)
	for name, want := range map[string]string{
		"To":             "<ana@xn--bcher-kva.example>",
		"Reply-To":       "<help@shop.example>",
		"Subject":        "Olá, Ana! " + strings.Repeat("长", 60),
		"Date":           "Sun, 22 Nov 2026 20:00:00 +0000",
		"Message-ID":     "<00000000000000000000000000000001@shop.example>",
		"Auto-Submitted": "auto-generated", "X-Entity-Ref-ID": "send-0", "MIME-Version": "1.0",
		// Nothing of a campaign.
		"List-Unsubscribe": "", "List-Unsubscribe-Post": "", "List-Id": "", "Feedback-ID": "", "Precedence": "",
		// Nothing about the software.
		"User-Agent": "", "X-Mailer": "",
	} {
		if got := e.GetHeader(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	from, err := plain.Header.AddressList("From")
	if err != nil || len(from) != 1 || *from[0] != (mail.Address{Name: `Shöp, "the" one`, Address: "news@shop.example"}) {
		t.Errorf("From: %q is read as %v, %v", plain.Header.Get("From"), from, err)
	}
	if want := "Olá\n.dot\nend\n"; strings.ReplaceAll(e.Text, "\r\n", "\n") != want || e.HTML != "" {
		t.Errorf("text %q html %q, want %q alone", e.Text, e.HTML, want)
	}
	if got := plain.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("a text alone is %s", got)
	}
	if !bytes.Contains(m.wire, []byte("\r\n..dot")) || m.size != len(m.unstuffed()) {
		t.Errorf("size %d of %d, or the dot is not stuffed", m.size, len(m.unstuffed()))
	}
}

func TestComposeCampaign(t *testing.T) {
	c := configFor(t, someSettings)
	m, err := c.compose(attemptTo("ana@example.com", campaign, content(&carillonv1.Content{
		Title: "Spring", Html: "<html><body><p>Hi &amp; hello</p></body></html>",
		Media:   []*carillonv1.Media{{Kind: "image", Url: "https://shop.example/a.png", Alt: "A <picture>"}},
		Actions: []*carillonv1.Action{{Kind: "url", Label: "Shop", Url: "https://shop.example/?a=1&b=2"}, {Kind: "url", Label: "Bad", Url: "javascript:x()"}, {Kind: "reply", Label: "Stop", Payload: "stop"}},
	})), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e, _ := read(t, m)
	for name, want := range map[string]string{
		"List-Id":               "<shop.shop.example>",
		"Feedback-ID":           "spring-26:default:marketing:shop",
		"Precedence":            "bulk",
		"List-Unsubscribe":      "<https://u.shop.example/u/shop/ana%40x?c=spring%2026&m=m%2F1%262>, <mailto:u@shop.example?subject=m%2F1%262>",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"Auto-Submitted":        "",
	} {
		if got := e.GetHeader(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := e.Root.ContentType; got != "multipart/alternative" {
		t.Errorf("content type %s", got)
	}
	if want := "Hi & hello\n\nA <picture>: https://shop.example/a.png\nShop: https://shop.example/?a=1&b=2\n"; strings.ReplaceAll(e.Text, "\r\n", "\n") != want {
		t.Errorf("derived text %q, want %q", e.Text, want)
	}
	if !strings.Contains(e.HTML, `<a href="https://shop.example/?a=1&amp;b=2">Shop</a>`) || !strings.Contains(e.HTML, "A &lt;picture&gt;</a>") || strings.Contains(e.HTML, "javascript") {
		t.Errorf("html %s", e.HTML)
	}
	if strings.Index(e.HTML, "Shop</a>") > strings.Index(e.HTML, "</body>") {
		t.Errorf("the links come after the body: %s", e.HTML)
	}
}

// Every attempt at a send is the same mail, but for its date.
func TestComposeIsStable(t *testing.T) {
	c := configFor(t, someSettings)
	now := time.Now()
	html := content(&carillonv1.Content{Title: "T", Body: "B", Html: "<p>B</p>"})
	first, err := c.compose(attemptTo("ana@example.com", html), now)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.compose(attemptTo("ana@example.com", html, func(a *sdk.Attempt) { a.Token, a.Attempt = 9, 2 }), now)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.wire, second.wire) || first.id != second.id {
		t.Errorf("two attempts differ:\n%s\n%s", first.wire, second.wire)
	}
}

func TestComposeSMTPUTF8(t *testing.T) {
	m, err := configFor(t, someSettings).compose(attemptTo("björn@bücher.example"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !m.utf8 || m.to != "björn@xn--bcher-kva.example" || !bytes.Contains(m.wire, []byte("To: <björn@xn--bcher-kva.example>\r\n")) {
		t.Errorf("to %q utf8 %v\n%s", m.to, m.utf8, m.wire)
	}
}

func TestComposeRefuses(t *testing.T) {
	c := configFor(t, someSettings)
	change := func(f func(*sdk.Attempt)) *sdk.Attempt { return attemptTo("ana@example.com", f) }
	for _, x := range []struct {
		name string
		a    *sdk.Attempt
		want string
	}{
		{"a header after the subject", change(func(a *sdk.Attempt) { a.Content.Title = "Hi\r\nBcc: b@example.com" }), "rejected message control_character"},
		{"a lone LF", change(func(a *sdk.Attempt) { a.Content.Title = "Hi\nBcc: b@example.com" }), "rejected message control_character"},
		{"a NUL", change(func(a *sdk.Attempt) { a.Content.Title = "Hi\x00" }), "rejected message control_character"},
		{"a command after the address", attemptTo("a@example.com>\r\nRCPT TO:<b@example.com"), "rejected message control_character"},
		{"a header after the id", change(func(a *sdk.Attempt) { a.Id = "1\r\nX: y" }), "rejected message control_character"},
		{"a header after the campaign", change(func(a *sdk.Attempt) { a.Campaign = "1\rX: y" }), "rejected message control_character"},
		{"no address", attemptTo(""), "rejected recipient invalid_address"},
		{"two addresses", attemptTo("a@example.com, b@example.com"), "rejected recipient invalid_address"},
		{"nothing to say", change(content(&carillonv1.Content{})), "rejected message no_content"},
		{"a word that no line can hold", change(func(a *sdk.Attempt) { a.Content.Title = strings.Repeat("a", 1000) }), "rejected message line_too_long"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := c.compose(x.a, time.Now())
			if err == nil || verdictOf(err).String() != x.want {
				t.Errorf("%v, want %s", err, x.want)
			}
		})
	}
}

// Whatever a producer writes, the mail has one body of ours and no header but
// ours.
func FuzzCompose(f *testing.F) {
	c, err := newConfig(sdk.AccountConfig{Settings: []byte(someSettings)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("T", "B", "<p>B</p>", "k")
	f.Add("Hi   \t  x", ".\r\n.\r\nQUIT\r\n", "\r\n.\r\n", "--carillon_k")
	f.Fuzz(func(t *testing.T, title, body, html, id string) {
		a := attemptTo("ana@example.com", content(&carillonv1.Content{Title: title, Body: body, Html: html}))
		a.Id = id
		m, err := c.compose(a, time.Now())
		if err != nil {
			return
		}
		if n := bytes.Count(m.wire, []byte("\r\n.\r\n")); n != 1 || bytes.Count(m.wire, []byte("\n")) != bytes.Count(m.wire, []byte("\r\n")) {
			t.Fatalf("%d final dots, or a bare LF\n%q", n, m.wire)
		}
		plain, err := mail.ReadMessage(bytes.NewReader(m.unstuffed()))
		if err != nil {
			t.Fatalf("net/mail: %v\n%q", err, m.wire)
		}
		for name, values := range plain.Header {
			if !strings.Contains("Date Message-Id Subject X-Entity-Ref-Id From To Reply-To Mime-Version Auto-Submitted Content-Type Content-Transfer-Encoding", name) || len(values) != 1 {
				t.Fatalf("header %s %q\n%q", name, values, m.wire)
			}
		}
		if _, err := io.ReadAll(plain.Body); err != nil {
			t.Fatal(err)
		}
	})
}
