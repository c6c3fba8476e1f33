package email

import (
	"net/url"
	"strings"

	"github.com/carillonhq/carillon/sdk"
)

// uris returns the values of List-Unsubscribe, the URL first.
func (u unsubscribe) uris(at *sdk.Attempt) []string {
	values := map[string]string{"id": at.Id, "recipient": at.Recipient, "app": at.App, "campaign": at.Campaign}
	var uris []string
	for _, template := range []string{u.URL, u.Mailto} {
		if template != "" {
			uris = append(uris, "<"+fill(template, func(name string) string { return values[name] })+">")
		}
	}
	return uris
}

// fill puts values, escaped, in the place of {id}, {recipient}, {app} and
// {campaign}. The escape fits a path and a query alike.
func fill(template string, value func(name string) string) string {
	var pairs []string
	for _, name := range []string{"id", "recipient", "app", "campaign"} {
		pairs = append(pairs, "{"+name+"}", strings.ReplaceAll(url.QueryEscape(value(name)), "+", "%20"))
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

// headerURI tells whether a URI can stand in List-Unsubscribe as it is. An
// unknown placeholder is left with its braces, and refused here.
func headerURI(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("<>,{}\"", r)
	})
}
