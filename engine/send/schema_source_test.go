package send

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	key   string
	value any
}

func (o object) json() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(literal(m.key))
		b.WriteByte(':')
		if inner, ok := m.value.(object); ok {
			b.Write(inner.json())
			continue
		}
		b.Write(literal(m.value))
	}
	b.WriteByte('}')
	return b.Bytes()
}

func literal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings, numbers and lists of them always encode
	}
	return bytes.TrimSpace(b.Bytes())
}

var (
	messageLine = regexp.MustCompile(`^message (\w+) \{`)
	fieldLine   = regexp.MustCompile(`^  (?:repeated )?[\w.]+ (\w+) = \d+;`)
	// What concerns protobuf alone.
	wireOnly = regexp.MustCompile(`\s*On the wire this is a map<string, string>\.`)
)

// readComments returns the comments of a .proto file by "Message" and
// "Message.field".
func readComments(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	var pending []string
	message := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		name := ""
		if comment, ok := strings.CutPrefix(strings.TrimSpace(line), "//"); ok {
			pending = append(pending, strings.TrimSpace(comment))
			continue
		}
		if m := messageLine.FindStringSubmatch(line); m != nil {
			message = m[1]
			name = message
		} else if m := fieldLine.FindStringSubmatch(line); m != nil {
			name = message + "." + m[1]
		}
		if name != "" && len(pending) > 0 {
			comments[name] = wireOnly.ReplaceAllString(strings.Join(pending, " "), "")
		}
		pending = nil
	}
	return comments
}
