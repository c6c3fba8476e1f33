package send

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

var update = flag.Bool("update", false, "write the JSON Schemas anew")

const protoDir = "../../proto/carillon/v1"

// TestSchemas generates the schemas from the .proto files and the tables, and
// compares them with what is committed.
func TestSchemas(t *testing.T) {
	for _, c := range []struct {
		name    string
		message protoreflect.MessageDescriptor
		shipped []byte
	}{
		{"send", (&carillonv1.Send{}).ProtoReflect().Descriptor(), SendSchema()},
		{"status", (&carillonv1.Status{}).ProtoReflect().Descriptor(), StatusSchema()},
	} {
		g := generator{t: t, comments: readComments(t, filepath.Join(protoDir, c.name+".proto"))}
		var indented bytes.Buffer
		if err := json.Indent(&indented, g.root(c.message).json(), "", "  "); err != nil {
			t.Fatal(err)
		}
		indented.WriteByte('\n')
		path := filepath.Join(protoDir, c.name+".schema.json")
		if *update {
			if err := os.WriteFile(path, indented.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if !bytes.Equal(indented.Bytes(), c.shipped) {
			t.Errorf("%s is not what the contract says: run go test ./engine/send -run TestSchemas -update", path)
		}
	}
}

// TestTablesAreTheContract: each message has a row for each field of its
// .proto, in the same order and under its JSON name.
func TestTablesAreTheContract(t *testing.T) {
	for _, file := range []protoreflect.FileDescriptor{carillonv1.File_carillon_v1_send_proto, carillonv1.File_carillon_v1_status_proto} {
		for i := range file.Messages().Len() {
			m := file.Messages().Get(i)
			if m.Name() == "Pair" { // a map's entry
				continue
			}
			rows := tables[m.Name()]
			if len(rows) != m.Fields().Len() {
				t.Fatalf("%s has %d rows for %d fields", m.Name(), len(rows), m.Fields().Len())
			}
			for j := range m.Fields().Len() {
				if want := m.Fields().Get(j).JSONName(); rows[j].name != want {
					t.Errorf("%s: row %d is %s, the field is %s", m.Name(), j, rows[j].name, want)
				}
			}
		}
	}
}

// row is what a schema needs of a field's row.
type row struct {
	name      string
	rule, key rule
	most      int
}

func rowsOf[M any](fields []field[M]) (rows []row) {
	for _, f := range fields {
		rows = append(rows, row{name: f.name, rule: f.rule, key: f.key, most: f.most})
	}
	return rows
}

var tables = map[protoreflect.Name][]row{
	"Send": rowsOf(sendFields), "Recipient": rowsOf(recipientFields), "PushToken": rowsOf(pushFields),
	"Content": rowsOf(contentFields), "Media": rowsOf(mediaFields), "Action": rowsOf(actionFields),
	"Status": rowsOf(statusFields), "Source": rowsOf(sourceFields), "Reason": rowsOf(reasonFields),
	"Fallback": rowsOf(fallbackFields), "Step": rowsOf(stepFields),
}

// generator makes the schema of one file's messages.
type generator struct {
	t        *testing.T
	comments map[string]string // by "Message" and "Message.field"
	defs     object
}

func (g *generator) root(m protoreflect.MessageDescriptor) object {
	schema := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", string(m.FullName())},
	}
	schema = append(schema, g.message(m)...)
	return append(schema, member{"$defs", g.defs})
}

func (g *generator) message(m protoreflect.MessageDescriptor) object {
	var properties object
	required := []string{}
	for i := range m.Fields().Len() {
		f, r := m.Fields().Get(i), tables[m.Name()][i]
		schema := g.field(f, r)
		if text := g.comments[string(m.Name())+"."+string(f.Name())]; text != "" {
			schema = append(object{{"description", text}}, schema...)
		}
		properties = append(properties, member{r.name, schema})
		if r.rule.required && (!f.IsList() || m.Name() == "Fallback") {
			required = append(required, r.name)
		}
	}
	schema := object{{"description", g.comments[string(m.Name())]}, {"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		schema = append(schema, member{"required", required})
	}
	if m.Name() == "Action" { // as checkAction has it
		isURL := object{{"properties", object{{"kind", object{{"const", "url"}}}}}}
		schema = append(schema, member{"if", isURL},
			member{"then", object{{"required", []string{"url"}}}}, member{"else", object{{"required", []string{"payload"}}}})
	}
	return schema
}

func (g *generator) field(f protoreflect.FieldDescriptor, r row) object {
	if !f.IsList() {
		return g.value(f, r)
	}
	if m := f.Message(); m != nil && m.Name() == "Pair" {
		return object{{"type", "object"}, {"maxProperties", r.most},
			{"propertyNames", textSchema(r.key)}, {"additionalProperties", textSchema(r.rule)}}
	}
	schema := object{{"type", "array"}, {"maxItems", r.most}, {"items", g.value(f, r)}}
	switch f.FullName() { // as checkChannels has it
	case "carillon.v1.Send.channels":
		schema = append(schema, member{"uniqueItems", true})
	case "carillon.v1.Fallback.on":
		schema = append(schema, member{"minItems", 1}, member{"if", object{{"contains", object{{"const", FallbackNever}}}}},
			member{"then", object{{"maxItems", 1}}})
	}
	return schema
}

func (g *generator) value(f protoreflect.FieldDescriptor, r row) object {
	switch f.Kind() {
	case protoreflect.StringKind:
		return textSchema(r.rule)
	case protoreflect.BytesKind:
		return object{{"type", "object"}}
	case protoreflect.BoolKind:
		return object{{"type", "boolean"}}
	case protoreflect.EnumKind:
		return object{{"enum", slices.DeleteFunc(slices.Clone(r.rule.oneOf), func(s string) bool { return s == "" })}}
	case protoreflect.Int32Kind:
		return object{{"type", "integer"}, {"minimum", 0}, {"maximum", math.MaxInt32}}
	case protoreflect.Uint32Kind:
		return object{{"type", "integer"}, {"minimum", 0}, {"maximum", math.MaxUint32}}
	case protoreflect.Int64Kind:
		return object{{"type", "integer"}, {"minimum", 0}}
	case protoreflect.MessageKind:
		if f.Message().FullName() == "google.protobuf.Timestamp" {
			return object{{"type", "string"}, {"format", "date-time"}}
		}
		return g.ref(f.Message())
	}
	g.t.Fatalf("%s: no schema for a %s", f.FullName(), f.Kind())
	return nil
}

func (g *generator) ref(m protoreflect.MessageDescriptor) object {
	name := string(m.Name())
	if !slices.ContainsFunc(g.defs, func(d member) bool { return d.key == name }) {
		at := len(g.defs)
		g.defs = append(g.defs, member{key: name})
		g.defs[at].value = g.message(m)
	}
	return object{{"$ref", "#/$defs/" + name}}
}

func textSchema(r rule) object {
	if r.oneOf != nil {
		return object{{"enum", r.oneOf}}
	}
	schema := object{{"type", "string"}}
	if r.required {
		schema = append(schema, member{"minLength", 1})
	}
	if r.max > 0 {
		schema = append(schema, member{"maxLength", r.max})
	}
	// \x, not \u: the regular expressions of Go and RE2 have only that.
	patterns := map[chars]string{
		oneLine:   `^[^\x00-\x1f\x7f-\x9f]*$`,
		manyLines: `^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$`,
		nameChars: `^[A-Za-z0-9._-]*$`,
	}
	if pattern := patterns[r.chars]; pattern != "" {
		schema = append(schema, member{"pattern", pattern})
	}
	return schema
}
