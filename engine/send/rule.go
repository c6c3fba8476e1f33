package send

import (
	"slices"
	"unicode/utf8"
)

// rule is what a string must be. The zero rule takes any text.
type rule struct {
	required bool
	max      int // bytes; 0: only the record's size bounds it
	chars    chars
	oneOf    []string
	// valid checks the form; form says it in words.
	valid func(string) bool
	form  string
}

// chars says which characters a string may have.
type chars uint8

const (
	// oneLine: no control characters.
	oneLine chars = iota
	// manyLines: line breaks and tabs as well.
	manyLines
	// nameChars: letters, digits, `.`, `_` and `-`.
	nameChars
	// anyText is that of status events: it is written and read, never judged.
	anyText
)

func (r *rule) apply(p *place, text string) { r.judge(p, text, false) }

// judge is apply; plain says that the text is known to be printable ASCII.
func (r *rule) judge(p *place, text string, plain bool) {
	if text == "" {
		if r.required {
			p.fail(CodeMissing, "the field is required")
		}
		return
	}
	if r.max > 0 && len(text) > r.max {
		p.fail(CodeTooLarge, "the text is too long")
		return
	}
	if !plain || r.chars == nameChars {
		checkChars(p, text, r.chars)
	}
	if r.oneOf != nil && !slices.Contains(r.oneOf, text) {
		p.fail(CodeBadValue, "the field has a fixed list of values")
	}
	if r.valid != nil && !r.valid(text) {
		p.fail(CodeBadValue, "expected "+r.form)
	}
}

func checkChars(p *place, text string, allowed chars) {
	if allowed == nameChars {
		if !isName(text) {
			p.fail(CodeBadValue, "expected letters, digits, `.`, `_` and `-`")
		}
		return
	}
	for i := printableEnd(text, 0); i < len(text); i = printableEnd(text, i) {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			p.fail(CodeInvalidUTF8, "text is UTF-8")
			return
		case isControl(r) && !(allowed == manyLines && (r == '\n' || r == '\r' || r == '\t')):
			p.fail(CodeControlCharacter, "a control character can't stand here")
			return
		}
		i += n
	}
}

// isControl is Unicode's category Cc: C0, DEL and C1.
func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

func isName(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
