package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// These bound what aliases may unfold to: one may hold itself.
const (
	maxNodes = 100_000
	maxDepth = 64
)

// decoder walks a YAML document beside the Go types. The library's own strict
// mode stops at the first fault of a struct and knows no paths.
type decoder struct {
	faults Faults
	lines  map[string]int
	nodes  int // visited so far
	depth  int // of the settings that are being read
}

var syntaxLine = regexp.MustCompile(`^line (\d+): `)

// document returns the root of the only document in data, nil where it is
// empty.
func (d *decoder) document(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		d.faults.add("", second.Line, "a second document begins; keep one")
	}
	return doc.Content[0]
}

func (d *decoder) syntax(err error) {
	problem, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if at := syntaxLine.FindStringSubmatch(problem); at != nil {
		line, _ = strconv.Atoi(at[1])
		problem = problem[len(at[0]):]
	}
	// This one quotes the file, and a password may begin with `*`.
	if strings.Contains(problem, "unknown anchor") {
		d.faults.add("", line, "an alias names no anchor; put a value that begins with `*` in quotes")
		return
	}
	d.faults.add("", line, "not valid YAML: %s; check the indentation and the quotes there", problem)
}

// value decodes n into v, which holds the default.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if n = d.enter(n, path); n == nil {
		return
	}
	t := v.Type()
	switch {
	case t == pluginType && n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		v.Set(reflect.ValueOf(Plugin{Bundled: n.Value}))
	case t == rateType || t == windowType || t == capLimitType || t == priceType:
		d.scalar(n, v, path)
	case t.Kind() == reflect.Struct:
		d.object(n, v, path)
	case t.Kind() == reflect.Map:
		d.entries(n, v, path)
	case t.Kind() == reflect.Slice:
		d.list(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

// enter follows an alias and counts the node; nil where there are too many or
// they nest too deep, and for all that follow.
func (d *decoder) enter(n *yaml.Node, path string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case d.nodes > maxNodes:
		return nil // said once
	case d.nodes == maxNodes || d.depth > maxDepth:
		d.faults.add(path, n.Line, "unfolds to more than %d values or %d levels; use fewer aliases", maxNodes, maxDepth)
		d.nodes = maxNodes + 1
		return nil
	}
	d.nodes++
	return n
}

// pairs calls each for every key of a mapping, once. An empty value stands for
// an empty mapping.
func (d *decoder) pairs(n *yaml.Node, path, want string, each func(key, value *yaml.Node, path string)) {
	if n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, path, want)
		return
	}
	first := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		switch line, twice := first[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.faults.add(path, key.Line, "a key must be a plain name")
		case key.Tag == "!!merge":
			d.faults.add(path, key.Line, "merge keys (`<<`) are not read; write the keys out")
		case twice:
			d.faults.add(at, key.Line, "the key stands on line %d already; keep one of the two", line)
		default:
			first[key.Value] = key.Line
			each(key, value, at)
		}
	}
}

func (d *decoder) object(n *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	want := "a mapping of keys"
	if v.Type() == pluginType {
		want = "the name of a bundled plugin, or a mapping with path and sha256"
	}
	d.pairs(n, path, want, func(key, value *yaml.Node, at string) {
		for _, f := range fields {
			if f.key == key.Value {
				d.lines[at] = key.Line
				d.value(value, v.Field(f.index), at)
				return
			}
		}
		d.faults.add(at, key.Line, "unknown key; %s", suggest(key.Value, keysOf(fields)))
	})
}

func (d *decoder) entries(n *yaml.Node, v reflect.Value, path string) {
	elem := v.Type().Elem()
	m := reflect.MakeMap(v.Type())
	d.pairs(n, path, "a mapping by name", func(key, value *yaml.Node, at string) {
		d.lines[at] = key.Line
		x := reflect.New(elem).Elem()
		if elem == anyType {
			x.Set(orNil(d.free(value, at)))
		} else {
			setBlank(x)
			d.value(value, x, at)
		}
		m.SetMapIndex(reflect.ValueOf(key.Value), x)
	})
	v.Set(m)
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.wrongType(n, path, "a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = item.Line
		d.value(item, list.Index(i), at)
	}
	v.Set(list)
}

// wrongType says what n should have been. It shows no value: it may be a secret
// in the wrong place.
func (d *decoder) wrongType(n *yaml.Node, path, want string) {
	is := map[yaml.Kind]string{yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list"}[n.Kind]
	if n.Kind == yaml.ScalarNode {
		is = map[string]string{"!!str": "a string", "!!int": "a number", "!!float": "a number", "!!bool": "a boolean", "!!null": "empty"}[n.Tag]
	}
	if is == "" {
		is = "something else"
	}
	d.faults.add(path, n.Line, "must be %s, and is %s", want, is)
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// suggest ends a fault about a name that is none of known.
func suggest(word string, known []string) string {
	if name := nearest(word, known); name != "" {
		return fmt.Sprintf("did you mean `%s`?", name)
	}
	return "known are " + strings.Join(known, ", ")
}

// merge adds what Validate found, but for keys that could not be decoded: they
// still hold their defaults, and one fault is enough.
func (d *decoder) merge(err error) {
	var found *Faults
	if !errors.As(err, &found) {
		return
	}
	undecoded := d.faults.List
	for _, f := range found.List {
		known := slices.ContainsFunc(undecoded, func(u Fault) bool {
			return within(f.Path, u.Path) || within(u.Path, f.Path)
		})
		if !known {
			d.faults.List = append(d.faults.List, f)
		}
	}
}

// within reports whether path is parent or lies under it.
func within(path, parent string) bool {
	rest, ok := strings.CutPrefix(path, parent)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
