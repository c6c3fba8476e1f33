package host

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mask hides secrets and what looks like a person's address in text that a
// plugin wrote. It is safe for concurrent use.
type mask struct {
	secrets *strings.Replacer
	longest int // bytes of the longest spelling of a secret
}

const (
	hiddenSecret  = "[redacted]"
	hiddenAddress = "[address]"
	hiddenNumber  = "[number]"

	// A line of a multi-line secret that is shorter than this ("{", "--") says
	// nothing, and hiding it everywhere would blot out the log.
	minSecretLine = 4
)

var (
	emailLike = regexp.MustCompile(`[^\s"'<>()\[\]{},;:=|/\\]+(@|%40)[^\s"'<>()\[\]{},;:=|/\\&%]+`)
	// Either international (+351 912 345 678), or 3-3-4 with separators, or a
	// bare run of 9 to 15 digits (ITU-T E.164 allows 15).
	phoneLike = regexp.MustCompile(`\+\d[\d ().-]{5,}\d|\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b|\b\d{9,15}\b`)
)

func newMask(accounts []Account) *mask {
	var spellings []string
	for _, a := range accounts {
		for _, secret := range a.Secrets {
			spellings = append(spellings, spell(secret)...)
		}
	}
	// Longest first: of two that begin at the same place, the replacer takes
	// the one named first.
	slices.SortFunc(spellings, func(a, b string) int { return len(b) - len(a) })
	m := &mask{}
	var pairs []string
	for _, s := range slices.Compact(spellings) {
		m.longest = max(m.longest, len(s))
		pairs = append(pairs, s, hiddenSecret)
	}
	m.secrets = strings.NewReplacer(pairs...)
	return m
}

// spell returns the ways in which a secret shows up in errors and dumps: as it
// is, line by line (a PEM key is logged so), quoted, in a URL, in base64.
func spell(secret string) []string {
	if secret == "" {
		return nil
	}
	inJSON, _ := json.Marshal(secret) // of a string: no error
	inGo := strconv.Quote(secret)
	all := []string{
		secret, string(inJSON[1 : len(inJSON)-1]), inGo[1 : len(inGo)-1],
		url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); len(line) >= minSecretLine {
			all = append(all, line)
		}
	}
	return all
}

func (m *mask) clean(s string) string {
	s = m.secrets.Replace(s)
	s = emailLike.ReplaceAllString(s, hiddenAddress)
	return phoneLike.ReplaceAllString(s, hiddenNumber)
}
