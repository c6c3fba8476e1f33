package main

import (
	_ "embed"
	"encoding/json"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/plugins/email/emailsim"
	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
)

// inbox is the two servers of dev mode that take what is sent.
type inbox struct {
	mail     *emailsim.Server
	webhooks *webhooksim.Server
}

// arrived is what the inbox holds, as /inbox shows it, the oldest first.
type arrived struct {
	Mail     []mail               `json:"mail"`
	Webhooks []webhooksim.Message `json:"webhooks"`
}

type mail struct {
	At        time.Time `json:"at"`
	From      string    `json:"from"`
	To        []string  `json:"to"`
	Subject   string    `json:"subject"`
	MessageID string    `json:"messageId"`
	Text      string    `json:"text"`
	HTML      string    `json:"html,omitempty"`
	Bytes     int       `json:"bytes"`
	// Faults is what is wrong in the mail's form.
	Faults []string `json:"faults,omitempty"`
}

//go:embed inbox.html
var inboxPage []byte

func (b *inbox) close() {
	if b.mail != nil {
		_ = b.mail.Close()
	}
	if b.webhooks != nil {
		_ = b.webhooks.Close()
	}
}

// serveOn shows the inbox on the engine's port.
func (b *inbox) serveOn(e *engine.Engine) {
	e.Handle("/", func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("text/html; charset=utf-8")
		// What arrived is shown, never run: the mails' HTML stands in a frame
		// without rights.
		ctx.Response.Header.Set("Content-Security-Policy",
			"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:")
		ctx.SetBody(inboxPage)
	})
	e.Handle("/inbox", func(ctx *fasthttp.RequestCtx) {
		body, err := json.Marshal(b.arrived())
		if err != nil {
			ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
			return
		}
		ctx.SetContentType("application/json")
		ctx.SetBody(append(body, '\n'))
	})
}

func (b *inbox) arrived() arrived {
	a := arrived{Mail: []mail{}, Webhooks: b.webhooks.Received()}
	for _, m := range b.mail.Messages() {
		a.Mail = append(a.Mail, mail{
			At: m.At, From: m.From, To: m.To, Subject: m.Subject, MessageID: m.MessageID,
			Text: m.Text, HTML: m.HTML, Bytes: len(m.Raw), Faults: m.Faults,
		})
	}
	return a
}
