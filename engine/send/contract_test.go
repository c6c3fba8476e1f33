package send_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("contract.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("contract.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(schema *jsonschema.Schema, text []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}

func contractPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/contract.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestContractExamples: each JSON block of the contract page is what its label
// says, to the schema and to the engine.
func TestContractExamples(t *testing.T) {
	sends, statuses := compile(t, send.SendSchema()), compile(t, send.StatusSchema())
	seen := map[string]int{}
	for _, block := range regexp.MustCompile("(?ms)^```json *(\\w*)\n(.*?)^```$").FindAllStringSubmatch(contractPage(t), -1) {
		label, text := block[1], []byte(block[2])
		seen[label]++
		var err error
		var notes send.Notes
		switch label {
		case "send":
			_, notes, err = send.Decode(send.Record{Value: text}, send.DefaultLimits())
			err = errors.Join(err, validate(sends, text))
		case "cloudevent":
			_, notes, err = send.Decode(send.Record{Value: text, Headers: headers("content-type", "application/cloudevents+json")}, send.DefaultLimits())
			var event struct{ Data json.RawMessage }
			err = errors.Join(err, json.Unmarshal(text, &event), validate(sends, event.Data))
		case "status":
			_, err = send.ParseStatus(text, nil)
			err = errors.Join(err, validate(statuses, text))
		default:
			t.Errorf("a block has the label %q: send, cloudevent or status", label)
		}
		if err != nil || len(notes.NearMisses) > 0 {
			t.Errorf("%v %q\n%s", err, notes.NearMisses, text)
		}
	}
	if seen["send"] < 2 || seen["cloudevent"] < 1 || seen["status"] < 4 {
		t.Errorf("examples found: %v", seen)
	}
}

// TestContractNamesEverything: no field, state, class or code may be missing
// from the page.
func TestContractNamesEverything(t *testing.T) {
	page := contractPage(t)
	names := []string{"misplaced"}
	for _, c := range invalid {
		names = append(names, c.code)
	}
	for n := range 64 {
		names = append(names, send.StateName(carillonv1.State(n)))
	}
	status, err := os.ReadFile("../../proto/carillon/v1/status.proto")
	if err != nil {
		t.Fatal(err)
	}
	_, reason, _ := strings.Cut(string(status), "message Reason {")
	classes, _, _ := strings.Cut(reason, "string class")
	for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(classes, -1) {
		names = append(names, m[1])
	}
	for _, name := range names {
		if name != "" && !strings.Contains(page, "| `"+name+"` |") {
			t.Errorf("docs/contract.md has no row for %s", name)
		}
	}
}

// TestSchemaTakesWhatWeWrite: a foreign validator finds all that we write valid.
func TestSchemaTakesWhatWeWrite(t *testing.T) {
	sends, statuses := compile(t, send.SendSchema()), compile(t, send.StatusSchema())
	rapid.Check(t, func(t *rapid.T) {
		if text := send.AppendSendJSON(nil, drawSend(t)); validate(sends, text) != nil {
			t.Fatalf("%v: %s", validate(sends, text), text)
		}
		status := drawStatus(t)
		if status.Source == nil {
			return // the schema promises it
		}
		if text := send.AppendStatusJSON(nil, status); validate(statuses, text) != nil {
			t.Fatalf("%v: %s", validate(statuses, text), text)
		}
	})
}

// TestSchemaRefusesWhatWeRefuse: but for what SendSchema says it can't know.
func TestSchemaRefusesWhatWeRefuse(t *testing.T) {
	sends := compile(t, send.SendSchema())
	laxer := map[string]bool{
		"a locale that is none": true, "a zone that is none": true, "a zone outside of the database": true,
		"the machine's own zone": true, "an expiry before the time": true,
	}
	judged := 0
	for _, c := range invalid {
		switch c.code {
		case send.CodeWrongType, send.CodeMissing, send.CodeBadValue, send.CodeControlCharacter:
		default:
			continue
		}
		if len(c.headers) > 0 || laxer[c.name] || !json.Valid([]byte(c.value)) {
			continue
		}
		judged++
		if validate(sends, []byte(c.value)) == nil {
			t.Errorf("%s: the schema takes %s", c.name, c.value)
		}
	}
	if judged < 30 {
		t.Errorf("only %d cases were judged", judged)
	}
}
