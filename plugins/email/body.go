package email

import (
	"html"
	"net/url"
	"strings"

	"github.com/wneessen/go-mail"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
	"github.com/carillonhq/carillon/sdk"
)

// setBody shows the content as plain text, and as HTML where there is any.
// Media and actions become links.
func setBody(m *mail.Msg, c *carillonv1.Content) error {
	text, page, links := c.GetBody(), c.GetHtml(), linksOf(c)
	if text == "" && page == "" && len(links) == 0 && c.GetTitle() == "" {
		return rejected(sdk.Message, "no_content")
	}
	if text == "" {
		text = plainText(page)
	}
	m.SetBodyString(mail.TypeTextPlain, withLinks(text, links))
	if page != "" {
		m.AddAlternativeString(mail.TypeTextHTML, withHTMLLinks(page, links))
	}
	return nil
}

type link struct{ label, url string }

func linksOf(c *carillonv1.Content) []link {
	var links []link
	for _, m := range c.GetMedia() {
		links = appendLink(links, m.Url, m.Name, m.Alt, m.Kind)
	}
	for _, a := range c.GetActions() {
		switch a.Kind {
		case "url":
			links = appendLink(links, a.Url, a.Label)
		case "call":
			links = appendLink(links, "tel:"+a.Payload, a.Label)
		}
	}
	return links
}

// appendLink takes the first label that is not empty. A URL of another scheme
// (javascript:) is left out.
func appendLink(links []link, target string, labels ...string) []link {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "tel" {
		return links
	}
	for _, l := range labels {
		if l != "" {
			return append(links, link{l, target})
		}
	}
	return append(links, link{target, target})
}

func withLinks(text string, links []link) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(text, "\r\n"))
	for i, l := range links {
		if i == 0 && text != "" {
			b.WriteString("\n")
		}
		b.WriteString("\n" + l.label + ": " + l.url)
	}
	return b.String() + "\n"
}

func withHTMLLinks(page string, links []link) string {
	if len(links) == 0 {
		return page
	}
	var b strings.Builder
	for _, l := range links {
		b.WriteString(`<p><a href="` + html.EscapeString(l.url) + `">` + html.EscapeString(l.label) + "</a></p>\n")
	}
	if i := strings.LastIndex(strings.ToLower(page), "</body"); i >= 0 && len(page) == len(strings.ToLower(page)) {
		return page[:i] + b.String() + page[i:]
	}
	return page + "\n" + b.String()
}
