package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// With -update the tests write the schema and the table of the docs anew:
// go test ./engine/config -update
var update = flag.Bool("update", false, "write configs/carillon.schema.json and docs/configuration.md anew")

const (
	schemaFile = "../../configs/carillon.schema.json"
	docsFile   = "../../docs/configuration.md"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("carillon.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("carillon.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaCommitted(t *testing.T) {
	if *update {
		if err := os.WriteFile(schemaFile, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(schemaFile)
	if err != nil || !bytes.Equal(committed, Schema()) {
		t.Errorf("configs/carillon.schema.json is not what the types say (%v); run go test ./engine/config -update", err)
	}
}

// Every example loads, names its schema for editors, is valid by that schema as
// a foreign validator reads it, and could run.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../configs/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("examples: %v %v", files, err)
	}
	schema := compiled(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.CheckRun("email", "webhook", "sink"); err != nil {
				t.Error(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(data), "# yaml-language-server: $schema=carillon.schema.json\n") {
				t.Error("its first line names no schema for editors")
			}
			if err := schema.Validate(instance(t, data)); err != nil {
				t.Error(err)
			}
		})
	}
}

func instance(t *testing.T, data []byte) any {
	t.Helper()
	var x any
	if err := yaml.Unmarshal(data, &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// The schema refuses what the engine refuses, where a schema can tell. (It sees
// one value at a time, and no numbers in durations and sizes.)
func TestSchemaRefuses(t *testing.T) {
	schema := compiled(t)
	for _, text := range []string{
		"kafak: {}", "kafka: {sessionTimeout: 9s}", "engine: {window: 0}", "engine: {window: many}",
		"kafka: {compression: gzip}", "kafka: {brokers: a}", "kafka: {session_timeout: 30}", "limits: {record: 1MB}",
		"kafka: {sasl: {password: hunter2}}", "channels: {E-Mail: {}}", "channels: {a: {plugin: {path: /x}}}",
		`quiet_hours: {apps: {shop: {marketing: {hours: "24:00-08:00"}}}}`, `quiet_hours: {apps: {shop: {hours: "22:00-08:00"}}}`,
		`quiet_hours: {apps: {"the shop": {}}}`,
		`caps: {apps: {shop: {marketing: {most: [0/1d]}}}}`, `caps: {apps: {shop: {marketing: {most: 3/1d}}}}`, `caps: {apps: {shop: {most: [3/1d]}}}`,
		`caps: {apps: {"the shop": {}}}`, `caps: {all_apps: {marketing: {most: [three]}}}`,
		`ordering: {apps: {shop: {marketing: {then: wait}}}}`, `ordering: {apps: {"the shop": {}}}`, `ordering: {longest_wait: 10m}`,
		`channels: {a: {prices: {PT: 0.1}}}`, `channels: {a: {prices: {"*": -1}}}`, `channels: {a: {prices: {"*": cheap}}}`,
		`routes: {OTP: [{channels: [a]}]}`, `routes: {otp: {channels: [a]}}`, `routes: {otp: [{channels: [a], by: luck}]}`,
		"channels: {a: {accounts: {b: {rate: 0/s}}}}", "channels: {a: {accounts: {b: {secrets: {k: hunter2}}}}}",
	} {
		if schema.Validate(instance(t, []byte(text))) == nil {
			t.Errorf("the schema takes %s", text)
		}
		if _, err := Parse([]byte(text), "x.yaml"); err == nil {
			t.Errorf("the engine takes %s", text)
		}
	}
	if err := schema.Validate(instance(t, []byte(whole))); err != nil {
		t.Error(err)
	}
}

// docs/configuration.md has every key, with its default and meaning.
func TestDocs(t *testing.T) {
	const begin, end = "<!-- keys: made by go test ./engine/config -update -->\n", "<!-- keys end -->"
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	table, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("docs/configuration.md has no place for the keys (%q … %q)", begin, end)
	}
	want := keyTables()
	if *update {
		if err := os.WriteFile(docsFile, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Error("docs/configuration.md differs from the types; run go test ./engine/config -update")
	}
}

// What the page shows as a whole file is one.
func TestDocsExample(t *testing.T) {
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	c, err := Parse([]byte(example), "docs/configuration.md")
	if !ok || err != nil || c.CheckRun("email") != nil {
		t.Errorf("%v in\n%s", err, example)
	}
}

// The page's quiet hours are as it says.
func TestDocsQuietHours(t *testing.T) {
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml quiet hours\n")
	example, _, ok := strings.Cut(rest, "```")
	c, err := Parse([]byte(example), "docs/configuration.md")
	if !ok || err != nil || len(c.QuietHours.Apps) != 4 || !c.QuietHours.Apps["alarms"].Marketing.Hours.None() {
		t.Errorf("%v in\n%s", err, example)
	}
}

// So are its caps.
func TestDocsCaps(t *testing.T) {
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml caps\n")
	example, _, ok := strings.Cut(rest, "```")
	c, err := Parse([]byte(example), "docs/configuration.md")
	if !ok || err != nil || len(c.Caps.Apps) != 2 || c.Caps.Apps["alarms"].Marketing.Rule().Stamps() != 0 || c.Channels["chat"].RecipientBurst != 5 {
		t.Errorf("%v in\n%s", err, example)
	}
}

// So are its longest waits.
func TestDocsOrdering(t *testing.T) {
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml ordering\n")
	example, _, ok := strings.Cut(rest, "```")
	c, err := Parse([]byte(example), "docs/configuration.md")
	if !ok || err != nil || len(c.Ordering.Apps) != 2 || c.Ordering.Apps["*"].Transactional.LongestWait.Minutes() != 10 {
		t.Errorf("%v in\n%s", err, example)
	}
}

// So are its routes: what stands for a send is what it says.
func TestDocsRoutes(t *testing.T) {
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml routes\n")
	example, _, ok := strings.Cut(rest, "```")
	c, err := Parse([]byte(example), "docs/configuration.md")
	if !ok || err != nil {
		t.Fatalf("%v in\n%s", err, example)
	}
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for route, want := range map[string]string{"@otp": "sms-a sms-b email", "@sms": "sms-a sms-b", "@news": "push email sms-b"} {
		m := &carillonv1.Send{Channels: []string{route}, To: &carillonv1.Recipient{Phone: "+351912345678", PreferredChannels: []string{"push"}}}
		if got := strings.Join(c.RouteTable().Resolve(m, noon), " "); got != want {
			t.Errorf("%s is %s, want %s", route, got, want)
		}
	}
}

// So are its examples of an account.
func TestDocsAccounts(t *testing.T) {
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"breaker", "warm-up", "accounts"} {
		_, rest, _ := strings.Cut(string(page), "```yaml "+name+"\n")
		example, _, ok := strings.Cut(rest, "```")
		c, err := Parse([]byte(example), "docs/configuration.md")
		if !ok || err != nil {
			t.Errorf("%v in\n%s", err, example)
			continue
		}
		a := c.Channels["email"].Accounts["main"]
		if name == "breaker" && a.Breaker.Refusals != 3 || name == "warm-up" && len(a.WarmUp.Steps) != 3 || name == "accounts" && len(c.Channels["email"].Accounts) != 3 {
			t.Errorf("%+v of\n%s", a, example)
		}
	}
}

func keyTables() string {
	var b strings.Builder
	docs := fieldDocs(typesSource)
	b.WriteString("\n### Top level\n")
	tableHead(&b)
	var sections []func()
	for _, f := range fieldsOf(reflect.TypeFor[Config]()) {
		v := reflect.ValueOf(*Default()).Field(f.index)
		if v.Kind() != reflect.Struct && v.Kind() != reflect.Map {
			keyRow(&b, docs, reflect.ValueOf(*Default()), f, f.key)
			continue
		}
		sections = append(sections, func() {
			fmt.Fprintf(&b, "\n### `%s`\n\n%s\n", f.key, docs["Config."+reflect.TypeFor[Config]().Field(f.index).Name])
			tableHead(&b)
			keyRows(&b, docs, v, f.key)
		})
	}
	for _, section := range sections {
		section()
	}
	return b.String() + "\n"
}

func tableHead(b *strings.Builder) {
	b.WriteString("\n| key | default | meaning |\n|---|---|---|\n")
}

func keyRows(b *strings.Builder, docs map[string]string, v reflect.Value, path string) {
	switch {
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.Slice:
		keyRows(b, docs, reflect.New(v.Type().Elem().Elem()).Elem(), path+".NAME[]")
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.Struct:
		elem := reflect.New(v.Type().Elem()).Elem()
		setBlank(elem)
		keyRows(b, docs, elem, path+".NAME")
	case v.Kind() == reflect.Struct && v.Type() != rateType:
		for _, f := range fieldsOf(v.Type()) {
			at := path + "." + f.key
			keyRow(b, docs, v, f, at)
			keyRows(b, docs, v.Field(f.index), at)
		}
	}
}

func keyRow(b *strings.Builder, docs map[string]string, v reflect.Value, f field, path string) {
	value := v.Field(f.index)
	text := docs[v.Type().Name()+"."+v.Type().Field(f.index).Name] + f.boundSentence(value.Type())
	if f.enum != nil {
		text += " One of `" + strings.Join(named(f.enum), "`, `") + "`."
	}
	shown := ""
	if d, ok := defaultOf(value); ok {
		shown = fmt.Sprintf("`%v`", d)
	}
	fmt.Fprintf(b, "| `%s` | %s | %s |\n", path, shown, text)
}

// Every field has a comment, since that is its documentation everywhere.
func TestEveryFieldIsDocumented(t *testing.T) {
	docs := fieldDocs(typesSource)
	var walk func(reflect.Type)
	walk = func(t2 reflect.Type) {
		for t2.Kind() == reflect.Map || t2.Kind() == reflect.Slice {
			t2 = t2.Elem()
		}
		if t2.Kind() != reflect.Struct {
			return
		}
		for _, f := range fieldsOf(t2) {
			if docs[t2.Name()+"."+t2.Field(f.index).Name] == "" {
				t.Errorf("%s.%s has no comment", t2.Name(), t2.Field(f.index).Name)
			}
			walk(t2.Field(f.index).Type)
		}
	}
	walk(reflect.TypeFor[Config]())
}
