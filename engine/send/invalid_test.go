package send_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carillonhq/carillon/engine/send"
)

// with returns a valid send with one more member.
func with(member string) string { return `{"id":"1","app":"a","to":{"id":"u"},` + member + `}` }

// to returns a valid send whose recipient has one more member.
func to(member string) string { return `{"id":"1","app":"a","to":{"id":"u",` + member + `}}` }

var invalid = []struct {
	name, value, code, path string
	headers                 []string
}{
	// Not JSON.
	{"empty", "", send.CodeEmpty, "", nil},
	{"white space", " \n", send.CodeNotJSON, "", nil},
	{"a word", "hello", send.CodeNotJSON, "", nil},
	{"an array", "[]", send.CodeWrongType, "", nil},
	{"a string", `"hello"`, send.CodeWrongType, "", nil},
	{"cut short", `{"id":"1","app":"a"`, send.CodeNotJSON, "", nil},
	{"cut inside a string", `{"id":"1`, send.CodeNotJSON, "id", nil},
	{"cut inside an escape", `{"id":"1\u00`, send.CodeNotJSON, "id", nil},
	{"something after it", with(`"x":1`) + "{}", send.CodeNotJSON, "", nil},
	{"a byte order mark", "\ufeff" + with(`"x":1`), send.CodeNotJSON, "", nil},
	{"a comma too many", `{"id":"1",}`, send.CodeNotJSON, "", nil},
	{"a comma too few", `{"id":"1" "app":"a"}`, send.CodeNotJSON, "", nil},
	{"no colon", `{"id" "1"}`, send.CodeNotJSON, "", nil},
	{"a name without quotes", `{id:"1"}`, send.CodeNotJSON, "", nil},
	{"single quotes", `{'id':'1'}`, send.CodeNotJSON, "", nil},
	{"a comment", with(`/* */"x":1`), send.CodeNotJSON, "", nil},
	{"a raw line break in a string", with("\"campaign\":\"a\nb\""), send.CodeNotJSON, "campaign", nil},
	{"an unknown escape", with(`"campaign":"\x41"`), send.CodeNotJSON, "campaign", nil},
	{"a number with a leading zero", with(`"data":{"n":01}`), send.CodeNotJSON, "data", nil},
	{"not a number", with(`"data":{"n":NaN}`), send.CodeNotJSON, "data", nil},
	{"a sign alone", with(`"x":-`), send.CodeNotJSON, "", nil},
	{"a misspelt literal", with(`"testMode":tru`), send.CodeNotJSON, "testMode", nil},
	// UTF-8.
	{"bytes that are not UTF-8", with("\"campaign\":\"\xff\""), send.CodeInvalidUTF8, "", nil},
	{"an encoded surrogate", with("\"campaign\":\"\xed\xa0\x80\""), send.CodeInvalidUTF8, "", nil},
	{"a lone high surrogate", with(`"campaign":"\ud83d"`), send.CodeInvalidUTF8, "campaign", nil},
	{"a lone low surrogate", with(`"data":{"x":"\ude00"}`), send.CodeInvalidUTF8, "data", nil},
	{"two high surrogates", with(`"campaign":"\ud83d\ud83d"`), send.CodeInvalidUTF8, "campaign", nil},
	// Limits.
	{"10 MiB of body", with(`"content":{"body":"` + strings.Repeat("x", 10<<20) + `"}`), send.CodeTooLarge, "", nil},
	{"10,000 arrays in an unknown field", with(`"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), send.CodeTooDeep, "", nil},
	{"10,000 objects in data", with(`"data":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)), send.CodeTooDeep, "data", nil},
	{"10,000 brackets and no end", strings.Repeat("[", 10_000), send.CodeWrongType, "", nil},
	{"2,000 members", with(`"data":{` + strings.Repeat(`"a":1,`, 2000) + `"b":1}`), send.CodeTooManyFields, "data", nil},
	{"17 channels", with(`"channels":["c"` + strings.Repeat(`,"c"`, 16) + `]`), send.CodeTooLarge, "channels", nil},
	{"a long id", `{"id":"` + strings.Repeat("x", 129) + `","app":"a","to":{"id":"u"}}`, send.CodeTooLarge, "id", nil},
	// Types.
	{"a number for a string", `{"id":1}`, send.CodeWrongType, "id", nil},
	{"an object for a string", to(`"email":{}`), send.CodeWrongType, "to.email", nil},
	{"a string for an object", `{"to":"u"}`, send.CodeWrongType, "to", nil},
	{"a string for an array", with(`"channels":"email"`), send.CodeWrongType, "channels", nil},
	{"a number in an array of strings", with(`"channels":["a",2]`), send.CodeWrongType, "channels[1]", nil},
	{"null in an array", to(`"push":[null]`), send.CodeWrongType, "to.push[0]", nil},
	{"a number deep inside", to(`"push":[{"token":"a","platform":"fcm"},{"token":5}]`), send.CodeWrongType, "to.push[1].token", nil},
	{"a number in a string map", to(`"chat":{"telegram":12345}`), send.CodeWrongType, "to.chat", nil},
	{"an array for data", with(`"data":[1]`), send.CodeWrongType, "data", nil},
	{"a string for a boolean", with(`"testMode":"true"`), send.CodeWrongType, "testMode", nil},
	{"a number for a time", with(`"sendAt":1763800000`), send.CodeWrongType, "sendAt", nil},
	{"a number for an enumeration", with(`"class":1`), send.CodeWrongType, "class", nil},
	// Twice.
	{"a field twice", `{"id":"1","id":"2"}`, send.CodeDuplicateField, "id", nil},
	{"a field in both spellings", with(`"sendAt":null,"send_at":null`), send.CodeDuplicateField, "sendAt", nil},
	{"a map key twice", with(`"metadata":{"a":"1","a":"2"}`), send.CodeDuplicateField, "metadata", nil},
	// Missing.
	{"no id", `{"app":"a","to":{"id":"u"}}`, send.CodeMissing, "id", nil},
	{"an empty app", `{"id":"1","app":"","to":{"id":"u"}}`, send.CodeMissing, "app", nil},
	{"no recipient", `{"id":"1","app":"a"}`, send.CodeMissing, "to", nil},
	{"a recipient without an id", `{"id":"1","app":"a","to":{"email":"a@example.com"}}`, send.CodeMissing, "to.id", nil},
	{"a null id", `{"id":null,"app":"a","to":{"id":"u"}}`, send.CodeMissing, "id", nil},
	{"a token without a platform", to(`"push":[{"token":"a"}]`), send.CodeMissing, "to.push[0].platform", nil},
	{"a link without a URL", with(`"content":{"actions":[{"kind":"url","label":"Open"}]}`), send.CodeMissing, "content.actions[0].url", nil},
	{"a reply without a payload", with(`"content":{"actions":[{"kind":"reply","label":"Yes"}]}`), send.CodeMissing, "content.actions[0].payload", nil},
	{"an empty channel", with(`"channels":[""]`), send.CodeMissing, "channels[0]", nil},
	// Values.
	{"an app with a slash", `{"id":"1","app":"a/b","to":{"id":"u"}}`, send.CodeBadValue, "app", nil},
	{"a channel twice", with(`"channels":["sms","email","sms"]`), send.CodeBadValue, "channels[2]", nil},
	{"a fallback on nothing", with(`"fallback":{}`), send.CodeMissing, "fallback.on", nil},
	{"a fallback on an empty list", with(`"fallback":{"on":[]}`), send.CodeMissing, "fallback.on", nil},
	{"a fallback on what is no end", with(`"fallback":{"on":["attempts","sent"]}`), send.CodeBadValue, "fallback.on[1]", nil},
	{"never, and yet", with(`"fallback":{"on":["never","attempts"]}`), send.CodeBadValue, "fallback.on", nil},
	{"an unknown class", with(`"class":"CLASS_MARKETING"`), send.CodeBadValue, "class", nil},
	{"an unknown platform", to(`"push":[{"token":"a","platform":"ios"}]`), send.CodeBadValue, "to.push[0].platform", nil},
	{"an unknown kind of media", with(`"content":{"media":[{"kind":"gif","url":"https://example.com"}]}`), send.CodeBadValue, "content.media[0].kind", nil},
	{"a time without an offset", with(`"sendAt":"2026-01-01T00:00:00"`), send.CodeBadValue, "sendAt", nil},
	{"a day that is none", with(`"sendAt":"2026-02-30T00:00:00Z"`), send.CodeBadValue, "sendAt", nil},
	{"an expiry before the time", with(`"sendAt":"2026-01-02T00:00:00Z","expiresAt":"2026-01-01T00:00:00Z"`), send.CodeBadValue, "expiresAt", nil},
	{"a locale that is none", to(`"locale":"pt_PT"`), send.CodeBadValue, "to.locale", nil},
	{"a zone that is none", to(`"timeZone":"Lisbon/Europe"`), send.CodeBadValue, "to.timeZone", nil},
	{"a zone outside of the database", to(`"timeZone":"../etc/passwd"`), send.CodeBadValue, "to.timeZone", nil},
	{"the machine's own zone", to(`"timeZone":"Local"`), send.CodeBadValue, "to.timeZone", nil},
	// Control characters.
	{"a line break in the id", `{"id":"1\r\n2","app":"a","to":{"id":"u"}}`, send.CodeControlCharacter, "id", nil},
	{"a line break in an address", to(`"email":"a@example.com\r\nBcc: b@example.com"`), send.CodeControlCharacter, "to.email", nil},
	{"a line break in the title", with(`"content":{"title":"a\nb"}`), send.CodeControlCharacter, "content.title", nil},
	{"NUL in the body", with(`"content":{"body":"a\u0000b"}`), send.CodeControlCharacter, "content.body", nil},
	{"a C1 control in a channel", with(`"channels":["a\u0085"]`), send.CodeControlCharacter, "channels[0]", nil},
	{"DEL in a metadata key", with(`"metadata":{"a\u007f":"b"}`), send.CodeControlCharacter, "metadata", nil},
	{"a tab in the campaign", with(`"campaign":"a\tb"`), send.CodeControlCharacter, "campaign", nil},
	// Formats.
	{"an unknown content type", with(`"x":1`), send.CodeUnknownFormat, "content-type", []string{"content-type", "text/plain"}},
	{"another character set", with(`"x":1`), send.CodeUnknownFormat, "content-type", []string{"content-type", "application/json; charset=latin1"}},
	{"a batch of events", "[]", send.CodeUnknownFormat, "content-type", []string{"content-type", "application/cloudevents-batch+json"}},
	{"an event of another type", with(`"x":1`), send.CodeUnknownFormat, "ce_type", []string{"ce_specversion", "1.0", "ce_type", "other", "ce_id", "1"}},
	{"an event of another version", with(`"x":1`), send.CodeUnknownFormat, "ce_specversion", []string{"ce_specversion", "0.3", "ce_type", "com.carillon.send.v1"}},
	{"a structured event of another type", `{"specversion":"1.0","type":"other","data":{}}`, send.CodeUnknownFormat, "type", []string{"content-type", "application/cloudevents+json"}},
	{"an event without data", `{"specversion":"1.0","type":"com.carillon.send.v1"}`, send.CodeMissing, "data", []string{"content-type", "application/cloudevents+json"}},
	{"an event with broken base64", `{"specversion":"1.0","type":"com.carillon.send.v1","data_base64":"***"}`, send.CodeBadValue, "data_base64", []string{"content-type", "application/cloudevents+json"}},
	{"an event with data of both kinds", `{"specversion":"1.0","type":"com.carillon.send.v1","data_base64":"e30=","data":{}}`, send.CodeDuplicateField, "data_base64", []string{"content-type", "application/cloudevents+json"}},
	{"a fault inside of an event", `{"specversion":"1.0","type":"com.carillon.send.v1","data":{"to":{"email":1}}}`, send.CodeWrongType, "to.email", []string{"content-type", "application/cloudevents+json"}},
	{"not protobuf", "\xff\xff", send.CodeNotProtobuf, "", []string{"content-type", "application/x-protobuf"}},
	{"JSON said to be protobuf", with(`"x":1`), send.CodeNotProtobuf, "", []string{"content-type", "application/x-protobuf"}},
	{"protobuf without a word", "{\n", send.CodeNotJSON, "", nil},
	{"protobuf with text that is not UTF-8", "\x0a\x01\xff", send.CodeInvalidUTF8, "id", []string{"content-type", "application/x-protobuf"}},
	{"protobuf with data that is no object", "\x32\x01[", send.CodeWrongType, "data", []string{"content-type", "application/x-protobuf"}},
}

func TestInvalid(t *testing.T) {
	for _, c := range invalid {
		t.Run(c.name, func(t *testing.T) {
			s, _, err := decodeJSON(c.value, c.headers...)
			var got *send.Invalid
			if !errors.As(err, &got) || s != nil {
				t.Fatalf("got %v, %v", s, err)
			}
			if got.Code != c.code || got.Path != c.path || got.Detail == "" {
				t.Errorf("got %q at %q (%s), want %q at %q", got.Code, got.Path, got.Detail, c.code, c.path)
			}
		})
	}
}

// TestInvalidHoldsNoContent: what the error says may be logged, so it must not
// quote the record.
func TestInvalidHoldsNoContent(t *testing.T) {
	const canary = "canary7261"
	for _, text := range []string{
		canary, `{"` + canary + `"`, `{"` + canary + `":` + canary, with(`"` + canary + `":tru`),
		to(`"email":{"` + canary + `":1}`), with(`"class":"` + canary + `"`), with(`"sendAt":"` + canary + `"`),
		to(`"locale":"` + canary + `!"`), to(`"timeZone":"` + canary + `"`), to(`"chat":{"` + canary + `":1}`),
		with(`"metadata":{"` + canary + `":"a\n"}`), with(`"data":{"` + canary + `":}`),
		`{"id":"` + canary + `\n","app":"a","to":{"id":"u"}}`,
	} {
		_, _, err := decodeJSON(text)
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
