package email

import (
	"regexp"
	"strings"
)

// queueIDs finds the relay's own name for a mail in its last answer, by the
// habits of the common servers, the surest first.
var queueIDs = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\bqueued as ([A-Za-z0-9._-]+)`),      // Postfix, Haraka
	regexp.MustCompile(`\bid=([A-Za-z0-9._-]+)`),                 // Exim
	regexp.MustCompile(`([A-Za-z0-9._-]+) - gsmtp$`),             // Gmail
	regexp.MustCompile(`\[InternalId=([0-9]+)`),                  // Exchange
	regexp.MustCompile(`^([A-Za-z0-9._-]+) Message accepted`),    // Sendmail, OpenSMTPD
	regexp.MustCompile(`(?i)^ok:? +([A-Za-z0-9._-]{8,})(?: |$)`), // Amazon SES
}

var generic = regexp.MustCompile(`^[A-Za-z0-9._-]{6,}$`)

// queueID returns "" where the answer holds nothing that looks like an id: at
// least six letters and digits, of both.
func queueID(text string) string {
	for _, pattern := range queueIDs {
		if m := pattern.FindStringSubmatch(text); m != nil && idLike(m[1]) {
			return m[1]
		}
	}
	for word := range strings.FieldsSeq(text) {
		word = strings.Trim(word, "<>()[],;.")
		if generic.MatchString(word) && strings.ContainsAny(word, "0123456789") && strings.ContainsFunc(word, isLetter) {
			return word
		}
	}
	return ""
}

func idLike(s string) bool { return len(s) <= 128 && strings.ContainsAny(s, "0123456789") }

func isLetter(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }
