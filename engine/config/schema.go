package config

import (
	"embed"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
)

// typesSource holds the comments that become the schema's descriptions: what
// the Go documentation says and what an editor shows is one text.
//
//go:embed types.go times.go caps.go routes.go
var typesSource embed.FS

const (
	durationForm = `^([0-9]+d)?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))*$`
	sizeForm     = `^[0-9]+(B|KiB|MiB|GiB)?$`
	rateForm     = `^[1-9][0-9]*/[smhd]$`
	capLimitForm = `^[1-9][0-9]{0,2}/([smhd]|([0-9]+d)?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))*)$`
	windowForm   = `^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$`
)

type object = map[string]any

// Schema returns the JSON Schema (draft 2020-12) of the configuration, for
// editors. It is committed as configs/carillon.schema.json.
func Schema() []byte {
	s := schema{docs: fieldDocs(typesSource)}
	root := s.of(reflect.ValueOf(*Default()))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Carillon configuration"
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of strings, which a test has marshalled
	}
	return append(data, '\n')
}

type schema struct {
	docs map[string]string // by "Type.Field"
}

// of describes what may stand where v, the default, stands.
func (s schema) of(v reflect.Value) object {
	switch t := v.Type(); {
	case t == durationType:
		return object{"type": []string{"string", "integer"}, "pattern": durationForm, "minimum": 0, "maximum": 0}
	case t == sizeType:
		return object{"type": []string{"string", "integer"}, "pattern": sizeForm, "minimum": 0}
	case t == rateType:
		return object{"type": "string", "pattern": rateForm}
	case t == windowType:
		return object{"type": "string", "pattern": windowForm}
	case t == capLimitType:
		return object{"type": "string", "pattern": capLimitForm}
	case t == priceType:
		return object{"type": "number", "minimum": 0}
	case t == secretType:
		return object{"type": "string", "pattern": secretRef.String()}
	case t == pluginType:
		custom := s.structure(v)
		custom["required"] = []string{"path", "sha256"}
		return object{"oneOf": []object{{"type": "string", "minLength": 1}, custom}}
	case t.Kind() == reflect.Struct:
		return s.structure(v)
	case t.Kind() == reflect.Map:
		return s.entries(t)
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": s.of(reflect.New(t.Elem()).Elem())}
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.Int:
		return object{"type": "integer"}
	default:
		return object{"type": "string"}
	}
}

func (s schema) structure(v reflect.Value) object {
	properties := object{}
	for _, f := range fieldsOf(v.Type()) {
		value := v.Field(f.index)
		p := s.of(value)
		f.constrain(p, value.Type())
		p["description"] = s.docs[v.Type().Name()+"."+v.Type().Field(f.index).Name] + f.boundSentence(value.Type())
		if d, ok := defaultOf(value); ok {
			p["default"] = d
		}
		properties[f.key] = p
	}
	// An empty section is the defaults, as the decoder has it.
	return object{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties}
}

func (s schema) entries(t reflect.Type) object {
	m := object{"type": []string{"object", "null"}}
	elem := reflect.New(t.Elem()).Elem()
	switch t.Elem() {
	case anyType:
		return m
	case reflect.TypeFor[Channel]():
		m["propertyNames"] = object{"pattern": channelName.String()}
	case reflect.TypeFor[QuietApp](), reflect.TypeFor[CapApp](), reflect.TypeFor[OrderApp]():
		m["propertyNames"] = object{"pattern": quietName.String()}
	case reflect.TypeFor[Route]():
		m["propertyNames"] = object{"pattern": routeName.String()}
	case priceType:
		m["propertyNames"] = object{"pattern": priceOf.String()}
	case reflect.TypeFor[Account]():
		m["propertyNames"] = object{"pattern": accountName.String()}
	case rateType:
		m["propertyNames"] = object{"pattern": appName.String()}
		if t == reflect.TypeFor[ValueRates]() {
			m["propertyNames"] = object{"enum": valueDimensions}
		}
	default:
		m["propertyNames"] = object{"pattern": secretName.String()}
	}
	setBlank(elem)
	m["additionalProperties"] = s.of(elem)
	return m
}

// constrain adds what the tags say, as far as JSON Schema can: bounds of
// durations and sizes are words in the description.
func (f field) constrain(p object, t reflect.Type) {
	if items, ok := p["items"].(object); ok && f.enum != nil {
		items["enum"] = f.enum
	} else if f.enum != nil {
		p["enum"] = f.enum
	}
	if t.Kind() != reflect.Int {
		return
	}
	if f.min != "" {
		p["minimum"] = amount(t, f.min)
	}
	if f.max != "" {
		p["maximum"] = amount(t, f.max)
	}
}

func (f field) boundSentence(t reflect.Type) string {
	if f.min == "" && f.max == "" || t == durationType && f.min == "0s" && f.max == "" {
		return ""
	}
	words := f.boundWords()
	if f.min != "" && f.max != "" {
		words = "from " + words
	}
	return " " + strings.ToUpper(words[:1]) + words[1:] + "."
}

// defaultOf returns the default as it would be written; false where there is
// none or it depends on other keys.
func defaultOf(v reflect.Value) (any, bool) {
	switch x := v.Interface().(type) {
	case Duration:
		return FormatDuration(x), true
	case Size:
		return x.String(), true
	case []string:
		return x, x != nil
	case bool:
		return x, true
	case int:
		return x, x != 0
	case string:
		return x, x != ""
	default:
		return nil, false
	}
}

// fieldDocs returns the comment of each field by "Type.Field", as one line.
func fieldDocs(source embed.FS) map[string]string {
	docs := make(map[string]string)
	for _, name := range []string{"types.go", "times.go", "caps.go", "routes.go"} {
		text, err := source.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			panic(err) // it has been compiled
		}
		addFieldDocs(docs, file)
	}
	return docs
}

func addFieldDocs(docs map[string]string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if t, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range t.Fields.List {
				for _, name := range f.Names {
					docs[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
				}
			}
		}
		return false
	})
}
